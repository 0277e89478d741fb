import { ownerSecretOf } from './owner-secret.ts';
import type { Change, Resource, Template } from './template.ts';

/** The replacement of a reference, and its description. */
interface Instead {
  readonly value: unknown;
  readonly what: string;
}

/**
 * References that the emulator resolves differently from AWS, by type. The function gets the target's logical id and
 * properties.
 */
const RESOLVED_OTHERWISE: Record<
  string,
  (id: string, properties: Record<string, unknown>) => [string, Instead]
> = {
  'AWS::EC2::VPC': (id, { CidrBlock }) => [
    attributeKey([id, 'CidrBlock']),
    { value: CidrBlock, what: 'has its CidrBlock written out (the emulator lacks the attribute)' },
  ],
  'AWS::RDS::DBCluster': (id) => [
    attributeKey([id, 'MasterUserSecret', 'SecretArn']),
    {
      value: { 'Fn::GetAtt': [ownerSecretOf(id), 'Id'] },
      what: 'has the password of its owner in a secret of the template (the emulator’s CloudFormation makes none)',
    },
  ],
  'AWS::SecretsManager::Secret': (id) => [
    refKey(id),
    {
      value: { 'Fn::GetAtt': [id, 'Id'] },
      what: "is referred to by its attribute Id (the emulator's Ref gives the name, AWS's the ARN)",
    },
  ],
};

/**
 * Replaces every reference that the emulator resolves differently from AWS, and every attribute of a placeholder, which
 * has no attributes.
 */
export function withReferences(
  template: Template,
  placeholders: ReadonlySet<string>,
): { template: Template; changes: Change[] } {
  const instead = new Map<string, Instead>(
    Object.entries(template.Resources).flatMap(([id, { Type, Properties = {} }]: [string, Resource]) => {
      const describe = RESOLVED_OTHERWISE[Type];
      return describe ? [describe(id, Properties)] : [];
    }),
  );
  const changes = new Map<string, Change>();
  const replace = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(replace);
    if (item === null || typeof item !== 'object') return item;
    const reference = readReference(item);
    if (reference?.attribute && placeholders.has(reference.id)) {
      return `placeholder-${reference.id}-${reference.attribute.replaceAll('.', '-')}`;
    }
    const found = reference && instead.get(reference.key);
    if (!found) {
      return Object.fromEntries(Object.entries(item).map(([name, inner]) => [name, replace(inner)]));
    }
    changes.set(reference.key, { resource: reference.id, what: found.what });
    return found.value;
  };
  return { template: replace(template) as Template, changes: [...changes.values()] };
}

function readReference(item: object): { key: string; id: string; attribute?: string } | undefined {
  const { Ref, 'Fn::GetAtt': getAtt } = item as { Ref?: unknown; 'Fn::GetAtt'?: unknown };
  if (typeof Ref === 'string') return { key: refKey(Ref), id: Ref };
  if (getAtt === undefined) return undefined;
  const [id = '', ...attribute] = Array.isArray(getAtt) ? getAtt.map(String) : String(getAtt).split('.');
  return { key: attributeKey([id, ...attribute]), id, attribute: attribute.join('.') };
}

const refKey = (id: string) => `Ref ${id}`;
const attributeKey = (path: readonly string[]) => `GetAtt ${path.join('.')}`;
