import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A resource in the template with unresolved intrinsics, and its stack. */
export interface Resource {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** All stacks of a synthesized app, read together because they refer to each other by exports. */
export interface Assembly {
  readonly resources: readonly Resource[];
  /** Exported values of stacks, unresolved, by export name. The value uses logical ids of `stack`. */
  readonly exports: ReadonlyMap<string, { stack: string; value: unknown }>;
  /** Default of each template parameter, by stack and name. For an SSM parameter it is the SSM parameter's name. */
  readonly parameters: ReadonlyMap<string, { type: string; value: string }>;
  /** Absolute directory of each asset, by the object key of its upload. */
  readonly assets: ReadonlyMap<string, string>;
}

interface Manifest {
  artifacts: Record<string, { type: string; properties?: { templateFile?: string; file?: string } }>;
}

interface Template {
  Parameters?: Record<string, { Type: string; Default?: unknown }>;
  Resources?: Record<string, { Type: string; Properties?: Record<string, unknown> }>;
  Outputs?: Record<string, { Value: unknown; Export?: { Name: string } }>;
}

interface AssetManifest {
  files?: Record<string, { source: { path?: string }; destinations: Record<string, { objectKey: string }> }>;
}

/** Reads a cloud assembly (`cdk.out`). */
export function readAssembly(outdir: string): Assembly {
  const read = <T>(file: string): T => JSON.parse(readFileSync(join(outdir, file), 'utf8'));
  const resources: Resource[] = [];
  const exports = new Map<string, { stack: string; value: unknown }>();
  const parameters = new Map<string, { type: string; value: string }>();
  const assets = new Map<string, string>();
  for (const [stack, { type, properties }] of Object.entries(read<Manifest>('manifest.json').artifacts)) {
    if (type === 'aws:cloudformation:stack' && properties?.templateFile) {
      const { Parameters = {}, Resources = {}, Outputs = {} } = read<Template>(properties.templateFile);
      for (const [name, { Type, Default }] of Object.entries(Parameters)) {
        parameters.set(`${stack}/${name}`, { type: Type, value: String(Default ?? '') });
      }
      for (const [logicalId, { Type, Properties = {} }] of Object.entries(Resources)) {
        resources.push({ stack, logicalId, type: Type, properties: Properties });
      }
      for (const { Value, Export } of Object.values(Outputs)) {
        if (Export) exports.set(Export.Name, { stack, value: Value });
      }
    } else if (type === 'cdk:asset-manifest' && properties?.file) {
      for (const { source, destinations } of Object.values(
        read<AssetManifest>(properties.file).files ?? {},
      )) {
        for (const { objectKey } of Object.values(destinations)) {
          if (source.path) assets.set(objectKey, join(outdir, source.path));
        }
      }
    }
  }
  return { resources, exports, parameters, assets };
}
