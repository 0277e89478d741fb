import { execFileSync } from 'node:child_process';
import { chownSync, statSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatabaseServer } from '../../backings/backing.ts';
import { type Postgres, SUPERUSER, startPostgres } from '../../postgres/cluster.ts';
import { withConnection } from '../../postgres/connection.ts';
import { startProxy } from './proxy.ts';

const PASSWORD = 'replicated';

/** Settings for replication: the standby streams from this server, and later from the promoted one. */
const REPLICATION = {
  wal_level: 'replica',
  max_wal_senders: '4',
  // Keeps the WAL that is written while the standby is copied.
  wal_keep_size: '1GB',
  full_page_writes: 'on',
};

/** Two servers behind one address, like an Aurora cluster: a writer, and a reader that can become the writer. */
export interface Cluster extends DatabaseServer {
  /**
   * Stops the writer, promotes the reader, and restarts the old writer as a reader of the new one on its old port. The
   * address still leads to the old writer, like a cached DNS name.
   */
  failOver(): Promise<void>;
  /** Lets new connections to the address reach the writer. */
  pointToWriter(): void;
  stop(): Promise<void>;
}

export async function startCluster(directory: string): Promise<Cluster> {
  const [firstDir, secondDir] = [join(directory, 'first'), join(directory, 'second')];
  let first = await startPostgres({
    dataDir: firstDir,
    durable: false,
    password: PASSWORD,
    settings: REPLICATION,
  });
  await copyWhileRunning(first, firstDir, secondDir);
  const second = await startStandby(secondDir, first.port);
  const proxy = await startProxy(first.port);
  const url = (database = SUPERUSER) =>
    `postgres://${SUPERUSER}:${PASSWORD}@127.0.0.1:${proxy.port}/${database}`;

  return {
    host: '127.0.0.1',
    port: proxy.port,
    user: SUPERUSER,
    password: PASSWORD,
    url,
    async failOver() {
      // The stop waits until the standby has everything that the writer committed.
      await first.stop();
      await withConnection(second.url(), (sql) => sql`select pg_promote()`);
      first = await startStandby(firstDir, second.port, first.port);
    },
    pointToWriter: () => proxy.leadTo(second.port),
    async stop() {
      await proxy.stop();
      await Promise.all([first.stop(), second.stop()]);
    },
  };
}

/** Starts the server in `dataDir` as a standby of the server at `primaryPort`. */
async function startStandby(dataDir: string, primaryPort: number, port?: number): Promise<Postgres> {
  await writeAsOwner(join(dataDir, 'cluster'), 'standby.signal', '');
  const primary = `host=127.0.0.1 port=${primaryPort} user=${SUPERUSER} password=${PASSWORD}`;
  return startPostgres({
    dataDir,
    durable: false,
    password: PASSWORD,
    settings: { ...REPLICATION, primary_conninfo: primary },
    ...(port !== undefined && { port }),
  });
}

/** Copies the cluster of a running server like `pg_basebackup`, which the embedded Postgres lacks. */
async function copyWhileRunning(server: Postgres, from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await withConnection(server.url(), async (sql) => {
    await sql`select pg_backup_start('standby', true)`;
    // `-a` keeps the files' owner.
    execFileSync('cp', ['-a', join(from, 'cluster'), to]);
    const [backup] = await sql<{ labelfile: string }[]>`select labelfile from pg_backup_stop(false)`;
    await writeAsOwner(join(to, 'cluster'), 'backup_label', backup?.labelfile ?? '');
  });
  const cluster = join(to, 'cluster');
  await rm(join(cluster, 'postmaster.pid'), { force: true });
  for (const entry of await readdir(join(cluster, 'pg_wal'), { withFileTypes: true })) {
    if (entry.isFile()) await rm(join(cluster, 'pg_wal', entry.name));
  }
}

/** Writes a file with the cluster's owner. Postgres reads only files that its own account owns. */
async function writeAsOwner(cluster: string, name: string, content: string): Promise<void> {
  const file = join(cluster, name);
  await writeFile(file, content, { mode: 0o600 });
  const { uid, gid } = statSync(cluster);
  if (process.getuid?.() === 0) chownSync(file, uid, gid);
}
