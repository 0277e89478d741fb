import { randomInt } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import type { SecretSpec } from './template/deployment.ts';

const LOWERCASE = 'abcdefghijklmnopqrstuvwxyz';
const CHARACTERS: Record<string, string> = {
  ExcludeLowercase: LOWERCASE,
  ExcludeUppercase: LOWERCASE.toUpperCase(),
  ExcludeNumbers: '0123456789',
  ExcludePunctuation: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
};

/**
 * The values of the template's secrets on this machine. A generated one is generated once and kept in `file`, which
 * only its owner can read; the database's login is the cluster's own.
 *
 * @returns secret strings by ARN
 */
export async function openSecrets(options: {
  file: string;
  secrets: readonly SecretSpec[];
  databaseLogin: { username: string; password: string; host: string; port: number };
}): Promise<ReadonlyMap<string, string>> {
  const { file, secrets, databaseLogin } = options;
  const kept: Record<string, string> = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  for (const { arn, generate, isDatabaseLogin } of secrets) {
    if (!isDatabaseLogin && generate) kept[arn] ??= generateSecret(generate);
  }
  await writeFile(file, JSON.stringify(kept, undefined, 2), { mode: 0o600 });
  await chmod(file, 0o600);
  const login = JSON.stringify({ ...databaseLogin, engine: 'postgres' });
  return new Map(
    secrets.map(({ arn, isDatabaseLogin }): [string, string] => [
      arn,
      isDatabaseLogin ? login : (kept[arn] ?? ''),
    ]),
  );
}

/** A secret string made as CloudFormation's `GenerateSecretString` says. */
export function generateSecret(properties: Readonly<Record<string, unknown>>): string {
  const { PasswordLength = 32, ExcludeCharacters = '', GenerateStringKey, SecretStringTemplate } = properties;
  const included = Object.entries(CHARACTERS).map(([exclusion, characters]) =>
    properties[exclusion] ? '' : characters,
  );
  const space = properties.IncludeSpace ? ' ' : '';
  const alphabet = [...`${included.join('')}${space}`].filter(
    (character) => !String(ExcludeCharacters).includes(character),
  );
  const password = Array.from(
    { length: Number(PasswordLength) },
    () => alphabet[randomInt(alphabet.length)],
  ).join('');
  if (typeof GenerateStringKey !== 'string') return password;
  return JSON.stringify({
    ...JSON.parse(String(SecretStringTemplate ?? '{}')),
    [GenerateStringKey]: password,
  });
}
