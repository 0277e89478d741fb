import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withActions } from './actions.ts';
import { withOwnerSecrets } from './owner-secret.ts';
import { withReferences } from './references.ts';
import type { Change, Resource, Template } from './template.ts';

/**
 * The one step between what `cdk deploy` would send to AWS and what it sends to the emulator. Whatever it changes it
 * says; what it does not say is deployed as it is.
 */

export interface Adaptation {
  /** What the emulator's CloudFormation can make. */
  readonly knownTypes: ReadonlySet<string>;
  /** The emulator, without a trailing slash. */
  readonly endpoint: string;
  /** Variables of functions, by function name: a text to set, null to leave the variable out. */
  readonly environment: Readonly<Record<string, Variables>>;
}

export type Variables = Readonly<Record<string, string | null>>;

/** What the emulator makes of a resource that it cannot make: a thing with an id and no effect. */
const PLACEHOLDER = 'AWS::CloudFormation::WaitConditionHandle';

/** What fails at the emulator although it knows the type: of which properties (all, if none are named), and why. */
const FAILS_THERE: Readonly<Record<string, { with?: string; why: string }>> = {
  'Custom::CDKBucketDeployment': { why: 'its function needs the AWS command line in a layer' },
  'Custom::AWS': { why: 'its function needs clients of the SDK that only Lambda brings' },
  'AWS::CloudWatch::Alarm': { with: 'Metrics', why: 'the emulator has no metric mathematics' },
};

/** Parameters that AWS publishes in every account, for example the newest machine images; the emulator has none. */
const PUBLISHED_BY_AWS = '/aws/service/';

/** The management address of a WebSocket API, as CDK writes it: joined of a scheme, an id and AWS's own host. */
const EXECUTE_API = '.execute-api.';

/**
 * Copies a cloud assembly and changes the copy's templates.
 *
 * @returns what was changed, in the templates' order
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

/** Gives a template another name in S3: under the name of the original, the `cdk` command takes it for uploaded already. */
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

/** The template as the emulator takes it, and what differs from the one given. */
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
      // Nobody would signal for a placeholder.
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

/** @returns undefined for what the emulator can make */
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

/** @returns undefined unless the value is an address of an API at AWS's own host */
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
