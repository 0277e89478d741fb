import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from './cluster.ts';
import { directoryOfRun } from './directory-of-run.ts';

test('the next run stops the Postgres of a killed run, wherever it lies, and removes the directory', async () => {
  // Another run of this test has another name. No process has so large an id.
  const name = `trial${process.pid}`;
  const killed = join(tmpdir(), `celeriac-${name}-4194305-abc123`);
  await mkdir(killed);
  const cluster = await startPostgres({ dataDir: join(killed, 'part', 'postgres'), durable: false });
  onTestFinished(cluster.stop);
  const made = await directoryOfRun(name);
  onTestFinished(() => rm(made, { recursive: true }));
  expect([existsSync(killed), existsSync(made)]).toEqual([false, true]);
  await expect(fetch(`http://${cluster.host}:${cluster.port}`)).rejects.toMatchObject({
    cause: { code: 'ECONNREFUSED' },
  });
});
