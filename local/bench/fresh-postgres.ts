import { join } from 'node:path';
import { startPostgres } from '../postgres/cluster.ts';
import { createDatabase } from '../postgres/database-roles.ts';
import { noted } from './measuring/running.ts';

/** Starts an empty cluster with Celeriac's settings, and creates a database in it. @returns the database's URL */
export async function freshPostgres(directory: string): Promise<string> {
  const cluster = await startPostgres({ dataDir: join(directory, 'postgres') });
  noted(cluster.stop);
  await createDatabase(cluster.url(), 'bench');
  return cluster.url('bench');
}
