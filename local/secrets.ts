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
 * Returns the values of the template's secrets on this machine. A generated secret is generated once and kept in
 * `file`, which only its owner can read. The database's login is the login of the cluster.
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

/** Generates a secret string by the rules of CloudFormation's `GenerateSecretString`. */
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
