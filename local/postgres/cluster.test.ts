import { fork } from 'node:child_process';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postgres, startPostgres } from './cluster.ts';

let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-postgres-'));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

async function query(server: Postgres, text: string): Promise<Record<string, unknown> | undefined> {
  const sql = postgres(server.url(), { max: 1, onnotice: () => {} });
  try {
    return (await sql.unsafe(text))[0];
  } finally {
    await sql.end();
  }
}

test('what was committed is there after a stop and a start', async () => {
  const first = await startPostgres({ dataDir });
  await query(first, 'create table kept as select 42 as answer');
  await first.stop();
  const second = await startPostgres({ dataDir });
  expect(await query(second, 'select answer from kept')).toEqual({ answer: 42 });
  expect(await query(second, "select current_setting('fsync') as fsync")).toEqual({ fsync: 'on' });
  await second.stop();
});

test('the password is random, for its owner alone, and demanded', async () => {
  const server = await startPostgres({ dataDir });
  const { mode } = await stat(join(dataDir, 'superuser-password'));
  expect(mode & 0o777).toBe(0o600);
  const sql = postgres(server.url('postgres', 'postgres', 'wrong'), { max: 1 });
  await expect(sql`select 1`).rejects.toThrow(/password authentication failed/);
  await sql.end();
  await server.stop();
});

for (const [what, variables] of [
  ['a postmaster that was started as usual', {}],
  // Without `setpriv`, root's Postgres has another name for its directory.
  ['a postmaster that was started without help of other programs', { PATH: '/nowhere' }],
] as const) {
  test(`${what} and whose parent was killed gives way to the next start`, async () => {
    const script = join(dataDir, 'parent.ts');
    await writeFile(
      script,
      `import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, 'cluster.ts'))};
       const { port } = await startPostgres({ dataDir: ${JSON.stringify(dataDir)} });
       process.send?.(port);`,
    );
    const parent = fork(script, { env: { ...process.env, ...variables } });
    const port = await new Promise((resolve) => parent.once('message', resolve));
    parent.kill('SIGKILL');
    const lines: string[] = [];
    const server = await startPostgres({ dataDir, port: Number(port), log: (line) => lines.push(line) });
    expect(lines).toEqual(['stopping a Postgres that an earlier run left behind']);
    expect(await query(server, 'select answer from kept')).toEqual({ answer: 42 });
    await server.stop();
  });
}

test('a lock that names a process of somebody else is no obstacle', async () => {
  await writeFile(join(dataDir, 'cluster', 'postmaster.pid'), `${process.pid}\n${dataDir}\n`);
  const server = await startPostgres({ dataDir });
  expect(await query(server, 'select 1 as one')).toEqual({ one: 1 });
  await server.stop();
});

test('an interrupted initialization is begun anew', async () => {
  const interrupted = await mkdtemp(join(tmpdir(), 'celeriac-postgres-'));
  await chmod(interrupted, 0o700);
  await writeFile(join(interrupted, 'cluster.new'), '');
  const server = await startPostgres({ dataDir: interrupted, durable: false });
  expect(await query(server, 'select 1 as one')).toEqual({ one: 1 });
  await server.stop();
  await rm(interrupted, { recursive: true });
});

test('a port in use is named in one line', async () => {
  const first = await startPostgres({ dataDir });
  const other = await mkdtemp(join(tmpdir(), 'celeriac-postgres-'));
  await expect(startPostgres({ dataDir: other, port: first.port, durable: false })).rejects.toThrow(
    /^Postgres did not start: .*(address|sockets|port).*$/i,
  );
  await first.stop();
  await rm(other, { recursive: true });
});
