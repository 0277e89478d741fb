import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../../functions/database/migrate.ts';
import { writeKindRegistry } from '../../../lib/kind-registry.ts';
import { type Postgres, startPostgres } from '../cluster.ts';
import { setRolePasswords } from '../database-roles.ts';
import { directoryOfRun } from '../directory-of-run.ts';

const TEMPLATE = 'celeriac_template';
const MASTER = 'celeriac_admin';
const MIGRATIONS = join(import.meta.dirname, '../../../functions/database/migrations');

/**
 * Vitest's global set-up: writes the registry of kinds, and starts one temporary cluster with a migrated template
 * database.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  writeKindRegistry();
  const dataDir = await directoryOfRun();
  const cluster = await startPostgres({ dataDir, durable: false });
  const stop = async () => {
    await cluster.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    await createTemplate(cluster);
    await migrate({ url: cluster.url(TEMPLATE, MASTER, cluster.password) }, MIGRATIONS);
    await setRolePasswords(cluster.url(), cluster.password);
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide('cluster', {
    superuserUrl: cluster.url(),
    template: TEMPLATE,
    rolePassword: cluster.password,
  });
  return stop;
}

/**
 * Creates a database whose owner has the privileges of Aurora's master user and no more. Every run proves that the
 * migrations need no superuser.
 */
async function createTemplate(cluster: Postgres): Promise<void> {
  const sql = postgres(cluster.url(), { max: 1 });
  await sql.unsafe(`
    create role rds_iam nologin;
    create role rds_superuser nologin;
    grant rds_iam to rds_superuser with admin option;
    create role ${MASTER} login createrole createdb password '${cluster.password}' in role rds_superuser`);
  await sql.unsafe(`create database ${TEMPLATE} owner ${MASTER}`);
  await sql.end();
}
