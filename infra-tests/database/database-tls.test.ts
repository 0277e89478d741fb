import { chmod, chown, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifiedTls } from '../../functions/database/connect.ts';
import { writeRdsAuthorities } from '../../lib/rds-authorities.ts';
import { type Postgres, startPostgres } from '../../local/postgres/cluster.ts';

/* A real Postgres with TLS like Aurora's: an authority of these tests has signed its certificate for `localhost`. */

const FILES = join(import.meta.dirname, '../tls');
const AUTHORITY = join(FILES, 'authority.pem');

let directory: string;
let server: Postgres;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-tls-'));
  server = await startPostgres({ dataDir: directory, durable: false });
  // The user who runs the server owns the cluster, and must own the key.
  const { uid, gid } = await stat(join(directory, 'cluster'));
  for (const name of ['localhost.pem', 'localhost.key', 'elsewhere.pem', 'elsewhere.key']) {
    const path = join(directory, 'cluster', name);
    await copyFile(join(FILES, name), path);
    await chmod(path, 0o600);
    await chown(path, uid, gid);
  }
});

afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Makes the server present the certificate of `name`. */
async function certifiedFor(name: string): Promise<void> {
  const sql = postgres(server.url(), { max: 1 });
  for (const [setting, value] of [
    ['ssl_cert_file', `${name}.pem`],
    ['ssl_key_file', `${name}.key`],
    ['ssl', 'on'],
  ]) {
    await sql.unsafe(`alter system set ${setting} = '${value}'`);
  }
  await sql`select pg_reload_conf()`;
  await sql.end();
}

/** Returns if the connection is encrypted, or the error when there is no connection. */
async function connecting(caFile: string): Promise<unknown> {
  const url = new URL(server.url());
  url.hostname = 'localhost';
  const sql = postgres(url.href, { max: 1, ...verifiedTls(caFile) });
  try {
    const [row] = await sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
    return row?.ssl;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await sql.end();
  }
}

test('a server is trusted when an authority of the file has signed a certificate for its name', async () => {
  await certifiedFor('localhost');
  await expect.poll(() => connecting(AUTHORITY)).toBe(true);
});

test('a server with a certificate for another name is refused, though the same authority has signed it', async () => {
  await certifiedFor('elsewhere');
  await expect.poll(() => connecting(AUTHORITY)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
});

test('with the shipped file, a server is refused without a certificate of an authority of RDS', async () => {
  await certifiedFor('localhost');
  await expect.poll(() => connecting(AUTHORITY)).toBe(true);
  writeRdsAuthorities(directory);
  expect(await connecting(join(directory, 'rds-ca.pem'))).toMatch(
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED/,
  );
});
