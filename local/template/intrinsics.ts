/** Resolves the references of intrinsic functions. Each method may throw when the reference is unknown. */
export interface References {
  /** `Ref`: resolves a resource's logical id or a pseudo parameter such as `AWS::Region`. */
  ref(name: string): unknown;
  /** `Fn::GetAtt`. */
  attribute(logicalId: string, attribute: string): unknown;
  /** `Fn::ImportValue`: returns the value that another stack exports under this name. */
  imported(name: string): unknown;
}

type Intrinsic = (argument: unknown, references: References) => unknown;

const INTRINSICS: Record<string, Intrinsic> = {
  Ref: (name, references) => references.ref(String(name)),
  'Fn::GetAtt': (argument, references) => {
    const [logicalId = '', ...attribute] =
      typeof argument === 'string' ? argument.split('.') : (argument as string[]);
    return references.attribute(logicalId, attribute.join('.'));
  },
  'Fn::ImportValue': (name, references) => references.imported(String(resolve(name, references))),
  'Fn::Join': (argument, references) => {
    const [separator, parts] = argument as [string, unknown];
    return (resolve(parts, references) as unknown[]).map(String).join(separator);
  },
  'Fn::Split': (argument, references) => {
    const [separator, text] = argument as [string, unknown];
    return String(resolve(text, references)).split(separator);
  },
  'Fn::Select': (argument, references) => {
    const [index, list] = argument as [number | string, unknown];
    return (resolve(list, references) as unknown[])[Number(index)];
  },
  'Fn::Sub': (argument, references) => {
    const [text, variables] = (Array.isArray(argument) ? argument : [argument, {}]) as [
      string,
      Record<string, unknown>,
    ];
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_match, literal: string, name: string) => {
      if (literal) return `\${${name}}`;
      if (name in variables) return String(resolve(variables[name], references));
      const [logicalId = '', ...attribute] = name.split('.');
      return String(
        attribute.length ? references.attribute(logicalId, attribute.join('.')) : references.ref(logicalId),
      );
    });
  },
};

/**
 * Returns the value with every intrinsic function resolved.
 *
 * @throws when it uses an intrinsic function that is not in `INTRINSICS`
 */
export function resolve(value: unknown, references: References): unknown {
  if (Array.isArray(value)) return value.map((item) => resolve(item, references));
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value);
  const [name, argument] = entries[0] ?? [];
  if (entries.length === 1 && name !== undefined && (name === 'Ref' || name.startsWith('Fn::'))) {
    const intrinsic = INTRINSICS[name];
    if (!intrinsic) throw new Error(`the local runtime does not know the intrinsic function ${name}`);
    return intrinsic(argument, references);
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, resolve(item, references)]));
}
