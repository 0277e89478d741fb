import { join } from 'node:path';
import postgres from 'postgres';
import { startPostgres } from '../postgres/cluster.ts';
import { noted } from './measuring/running.ts';

/** Starts an empty cluster with Celeriac's settings, and creates a database in it. */
export async function freshPostgres(directory: string): Promise<{ url: string; stop(): Promise<void> }> {
  const cluster = await startPostgres({ dataDir: join(directory, 'postgres') });
  const stop = noted(cluster.stop);
  const sql = postgres(cluster.url(), { max: 1, onnotice: () => {} });
  await sql`create database bench`;
  await sql.end();
  return { url: cluster.url('bench'), stop };
}
