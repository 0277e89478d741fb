import { mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateSecret, openSecrets } from './secrets.ts';

test('a generated secret is generated once, and readable by its owner alone', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 'celeriac-secrets-')), 'secrets.json');
  const options = {
    file,
    secrets: [
      { arn: 'signing', generate: { PasswordLength: 64, ExcludePunctuation: true }, isDatabaseLogin: false },
      { arn: 'login', generate: { GenerateStringKey: 'password' }, isDatabaseLogin: true },
    ],
    databaseLogin: { username: 'postgres', password: 'p', host: '127.0.0.1', port: 5432 },
  };
  const first = await openSecrets(options);
  expect(first.get('signing')).toMatch(/^[A-Za-z0-9]{64}$/);
  expect(JSON.parse(first.get('login') ?? '')).toMatchObject({ username: 'postgres', password: 'p' });
  expect((await openSecrets(options)).get('signing')).toBe(first.get('signing'));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a secret with a template is JSON with the password in it', () => {
  const properties = {
    SecretStringTemplate: '{"username":"u"}',
    GenerateStringKey: 'password',
    ExcludeCharacters: '"\\',
  };
  expect(JSON.parse(generateSecret(properties))).toEqual({
    username: 'u',
    password: expect.stringMatching(/^[^"\\]{32}$/),
  });
});
