import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sharedMemoryType } from './shared-memory.ts';

test('a machine without a place for shared memory uses files', () => {
  expect(sharedMemoryType('/nowhere', 'linux')).toBe('mmap');
});

test('a place that is not open for everybody is not used', async () => {
  const closed = await mkdtemp(join(tmpdir(), 'celeriac-shared-'));
  expect(sharedMemoryType(closed, 'linux')).toBe('mmap');
  await rm(closed, { recursive: true });
});

test('systems that are not Linux need no such place', () => {
  expect(sharedMemoryType('/nowhere', 'darwin')).toBe('posix');
});
