import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePorts, type Service, startServices } from '../services.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    emulators: Readonly<Record<Service, string>>;
  }
}

/**
 * Vitest's global set-up: provides LocalStack, Redis and Postgres for the run. Each is the one that its variable names
 * (AWS_ENDPOINT_URL, REDIS_URL, POSTGRES_URL), or one that this set-up starts on a free port with a temporary
 * directory.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { AWS_ENDPOINT_URL: aws, REDIS_URL: redis, POSTGRES_URL: postgres } = process.env;
  const given = Object.entries({ aws, redis, postgres }) as [Service, string | undefined][];
  const missing = given.filter(([, address]) => !address).map(([name]) => name);
  const directory = await mkdtemp(join(tmpdir(), 'celeriac-emulators-'));
  try {
    const own = await startServices({ directory, ports: await freePorts(missing), durable: false });
    project.provide('emulators', {
      ...(Object.fromEntries(given) as Record<Service, string>),
      ...own.addresses,
    });
    return async () => {
      await own.stop();
      await rm(directory, { recursive: true, force: true });
    };
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}
