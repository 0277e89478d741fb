import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withActions } from './actions.ts';
import { withOwnerSecrets } from './owner-secret.ts';
import { withReferences } from './references.ts';
import type { Change, Resource, Template } from './template.ts';

/**
 * The only step between the templates for AWS and the templates for the emulator. It reports every change; everything
 * that it does not report is deployed unchanged.
 */

export interface Adaptation {
  /** Resource types that the emulator's CloudFormation can create. */
  readonly knownTypes: ReadonlySet<string>;
  /** The emulator's address, without a trailing slash. */
  readonly endpoint: string;
  /** Variables of functions, by function name: a text sets the variable, null removes it. */
  readonly environment: Readonly<Record<string, Variables>>;
}

export type Variables = Readonly<Record<string, string | null>>;

/** Type of the placeholder for a resource that the emulator cannot create. It has an id and no effect. */
const PLACEHOLDER = 'AWS::CloudFormation::WaitConditionHandle';

/**
 * Types that the emulator knows but cannot create, with the reason. `with` limits this to resources that have the
 * property.
 */
const FAILS_THERE: Readonly<Record<string, { with?: string; why: string }>> = {
  'Custom::CDKBucketDeployment': { why: 'its function needs the AWS command line in a layer' },
  'Custom::AWS': { why: 'its function needs clients of the SDK that only Lambda brings' },
  'AWS::CloudWatch::Alarm': { with: 'Metrics', why: 'the emulator has no metric mathematics' },
};

/**
 * Prefix of parameters that AWS publishes in every account, for example the newest machine images. The emulator has
 * none.
 */
const PUBLISHED_BY_AWS = '/aws/service/';

/** Part of a WebSocket API's management address. CDK joins the address from a scheme, an id and AWS's host. */
const EXECUTE_API = '.execute-api.';

/**
 * Copies a cloud assembly and changes the copy's templates.
 *
 * @returns the changes, in the templates' order
 */
export async function adaptAssembly(from: string, to: string, adaptation: Adaptation): Promise<Change[]> {
  await cp(from, to, { recursive: true });
  const changes: Change[] = [];
  for (const file of (await readdir(to)).filter((name) => name.endsWith('.template.json')).sort()) {
    const path = join(to, file);
    const adapted = adaptTemplate(JSON.parse(await readFile(path, 'utf8')), adaptation);
    const text = JSON.stringify(adapted.template, undefined, 1);
    await writeFile(path, text);
    await renameAsset(to, file, createHash('sha256').update(text).digest('hex'));
    changes.push(...adapted.changes);
  }
  return changes;
}

/** Renames a template in S3. Under the original name the `cdk` command would consider it already uploaded. */
async function renameAsset(assembly: string, template: string, name: string): Promise<void> {
  const manifest = join(assembly, template.replace('.template.json', '.assets.json'));
  const { files }: { files: Record<string, { source: { path?: string } }> } = JSON.parse(
    await readFile(manifest, 'utf8'),
  );
  const [before] = Object.entries(files).find(([, { source }]) => source.path === template) ?? [];
  if (!before) return;
  for (const path of [manifest, join(assembly, 'manifest.json')]) {
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll(before, name));
  }
}

/** Returns the template for the emulator, and its differences from the original. */
export function adaptTemplate(
  original: Template,
  adaptation: Adaptation,
): { template: Template; changes: Change[] } {
  const template = withOwnerSecrets(original);
  const changes: Change[] = [];
  const parameters = Object.entries(template.Parameters ?? {}).map(([id, parameter]) => {
    if (!String(parameter.Default).startsWith(PUBLISHED_BY_AWS)) return [id, parameter];
    changes.push({
      resource: id,
      what: 'becomes a plain text (AWS publishes the value, the emulator does not)',
    });
    return [id, { Type: 'String', Default: String(parameter.Default) }];
  });
  const placeholders = new Set<string>();
  const resources = Object.entries(template.Resources).map(([id, resource]): [string, Resource] => {
    const why = whyNot(resource, adaptation.knownTypes);
    if (why) {
      placeholders.add(id);
      changes.push({ resource: id, what: `${resource.Type} becomes a placeholder (${why})` });
      // No instance would send the signal for a placeholder.
      const { Properties: _, CreationPolicy: __, ...attributes } = resource;
      return [id, { ...attributes, Type: PLACEHOLDER }];
    }
    if (resource.Type !== 'AWS::Lambda::Function') return [id, resource];
    const adapted = adaptFunction(resource, adaptation);
    changes.push(...adapted.changes.map((what) => ({ resource: id, what })));
    return [id, adapted.resource];
  });
  const referring = withReferences(
    {
      ...template,
      ...(template.Parameters && { Parameters: Object.fromEntries(parameters) }),
      Resources: Object.fromEntries(resources),
    },
    placeholders,
  );
  const allowing = withActions(referring.template);
  return { template: allowing.template, changes: [...changes, ...referring.changes, ...allowing.changes] };
}

/** Returns the reason why the emulator cannot create a resource, or undefined when it can. */
function whyNot({ Type, Properties = {} }: Resource, known: ReadonlySet<string>): string | undefined {
  const failure = FAILS_THERE[Type];
  if (failure && (failure.with === undefined || failure.with in Properties)) return failure.why;
  return known.has(Type) || Type.startsWith('Custom::') ? undefined : 'the emulator does not know the type';
}

function adaptFunction(
  resource: Resource,
  { endpoint, environment }: Adaptation,
): { resource: Resource; changes: string[] } {
  const { Environment, FunctionName, ...properties } = resource.Properties ?? {};
  const variables = (Environment as { Variables?: Record<string, unknown> } | undefined)?.Variables;
  if (!variables) return { resource, changes: [] };
  const changes: string[] = [];
  const overrides = environment[String(FunctionName)] ?? {};
  const adapted = Object.entries(variables).flatMap(([name, value]): [string, unknown][] => {
    const text = overrides[name];
    if (text !== undefined) {
      changes.push(text === null ? `loses ${name}` : `gets ${name}=${withoutLogin(text)}`);
      return text === null ? [] : [[name, text]];
    }
    const reachable = withReachableApi(value, endpoint);
    if (reachable) changes.push(`gets ${name}=${endpoint}/_aws/execute-api/… in place of AWS's host`);
    return [[name, reachable ?? value]];
  });
  const Variables = Object.fromEntries(adapted);
  return {
    resource: { ...resource, Properties: { ...properties, FunctionName, Environment: { Variables } } },
    changes,
  };
}

/** Replaces the address of an API on AWS's host. @returns undefined for every other value */
function withReachableApi(value: unknown, endpoint: string): unknown {
  const [separator, parts] = (value as { 'Fn::Join'?: [string, unknown[]] })['Fn::Join'] ?? [];
  if (separator !== '' || !parts) return undefined;
  const at = parts.findIndex((part) => typeof part === 'string' && part.startsWith(EXECUTE_API));
  if (at < 1) return undefined;
  const path = parts.at(-1);
  const stage = typeof path === 'string' && path.includes('/') ? path.slice(path.indexOf('/')) : '';
  return { 'Fn::Join': ['', [`${endpoint}/_aws/execute-api/`, parts[at - 1], stage]] };
}

const withoutLogin = (text: string) => text.replace(/^(\w+:\/\/)[^@/]*@/, '$1…@');
