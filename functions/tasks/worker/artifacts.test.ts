import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { type Buckets, startBuckets } from '../../../local/emulators/s3/buckets.ts';
import { bucketArtifacts } from '../../aws/artifacts.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { attemptArtifacts } from '../artifacts/attempt-artifacts.ts';
import type { Bucket } from '../artifacts/bucket.ts';
import { sweepArtifacts } from '../artifacts/sweep.ts';
import { defineTask, type Json } from '../define-task.ts';
import { askNoInputs } from '../inputs/testing/no-inputs.ts';
import { DISPATCH, insertTask } from '../verification/fixtures.ts';
import { startRunners } from './process-pool/pool.ts';
import {
  type ArtifactWork,
  contentOf,
  sha256Of,
  workWithArtifacts,
} from './process-pool/testing/artifact-handler.ts';
import { ISOLATED_KINDS } from './process-pool/testing/kinds.ts';
import { type ExecuteDeps, execute } from './worker.ts';

// The tests start processes, and send many megabytes.
vi.setConfig({ testTimeout: 60_000 });

let on: DatabaseFixture;
let ada: Member;
let dataDir: string;
let buckets: Buckets;
let bucket: Bucket;
let deps: ExecuteDeps;

const REPOSITORY = new URL('../../../', import.meta.url);
const CREDENTIALS = { accessKeyId: 'LOCAL1', secretAccessKey: 'local' };

const INLINE = defineTask({
  kind: 'inline.artifacts',
  payload: z.json(),
  limits: { soft: '60s', hard: '90s' },
  retry: { base: 0.001 },
  runs: 'inline',
  run: (payload, context) => workWithArtifacts(context, payload as Json),
});

beforeAll(async () => {
  on = await databaseFixture();
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-artifacts-'));
  buckets = await startBuckets({ dataDir, secretAccessKey: CREDENTIALS.secretAccessKey });
  buckets.create([{ name: 'artifacts', corsRules: [] }]);
  bucket = bucketArtifacts({
    endpoint: buckets.endpoint,
    region: 'us-east-1',
    bucket: 'artifacts',
    credentials: CREDENTIALS,
  });
  const db = on.as('worker');
  deps = {
    db,
    dispatch: DISPATCH,
    leaseSeconds: 30,
    kinds: new Map([...ISOLATED_KINDS, [INLINE.kind, INLINE]]),
    taskOf: (name) => (name === INLINE.kind ? INLINE : undefined),
    runners: startRunners({
      program: new URL('./process-pool/testing/program.ts', import.meta.url),
      environment: { PATH: process.env.PATH },
      readable: REPOSITORY,
      heapMiB: 96,
      size: 1,
      memoryMiB: 300,
    }),
    fetch: () => Promise.reject(new Error('no network in this test')),
    turnsOf: () => async () => ({ kind: 'go', afterSeconds: 0 }),
    putArtifact: () => Promise.reject(new Error('no large results in this test')),
    inputsOf: () => askNoInputs,
    artifactsOf: ({ id, organizationId, attempt }, logError) =>
      attemptArtifacts({ db, artifacts: bucket, logError }, { taskId: id, organizationId, attempt }),
    log: () => {},
    announce: () => {},
    announceReports: () => {},
    enqueue: async () => [],
  };
});
beforeEach(async () => {
  ada = await on.member();
  await on.admin`update quotas set value = 1000 where name = 'artifacts_of_organization'`;
  await on.admin`update quotas set value = 1000000000 where name = 'artifact_bytes_of_organization'`;
});
afterAll(async () => {
  await deps.runners.stop();
  await buckets.stop();
  await rm(dataDir, { recursive: true });
  await on.close();
});

const insert = async (kind: string, payload: ArtifactWork) =>
  (await insertTask(on.as('api'), ada, { kind, payload })).id;

const run = (id: string) => execute(deps, [id], { remainingSeconds: () => 900 });

/** Runs a task to the end of one attempt, and returns its row. */
async function done(kind: string, payload: ArtifactWork) {
  const id = await insert(kind, payload);
  await run(id);
  return rowOf(id);
}

async function rowOf(id: string) {
  const [row] = await on.admin`select * from tasks where id = ${id}`;
  if (!row) throw new Error(`no task ${id}`);
  return row;
}

const artifactsOf = (taskId: string) =>
  on.admin`select id, name, status, attempt, bytes, sha256 from artifacts where task_id = ${taskId} order by id`;

/** Stores an artifact of a member that is ready. */
async function uploaded({ organizationId }: Member, content: string, more: { expired?: boolean } = {}) {
  const id = uuidv7();
  const sha256 = await sha256Of(chunksOf(content));
  await bucket.put(`artifacts/${id}`, content, 'text/plain');
  await on.admin`
    insert into artifacts (id, organization_id, name, media_type, bytes, sha256, status, open_until, expires_at)
    values (${id}, ${organizationId}, 'given.txt', 'text/plain', ${content.length}, ${sha256}, 'ready', now(),
      now() + ${more.expired ? '-1 day' : '1 day'}::interval)`;
  return { id, sha256 };
}

async function* chunksOf(content: string) {
  yield Buffer.from(content);
}

const usage = async () => {
  const [row] =
    await on.admin`select artifacts, bytes from artifact_usage where organization_id = ${ada.organizationId}`;
  return [row?.artifacts ?? 0, row?.bytes ?? 0];
};

const sweep = async () => {
  await on.admin`update artifacts set open_until = now() - interval '1 hour'`;
  return sweepArtifacts({ db: on.as('dispatcher'), artifacts: bucket }, () => true);
};

/** Names of the objects in the bucket. */
const objects = async () =>
  (await readdir(join(dataDir, 'artifacts'))).map((name) => decodeURIComponent(name));

const MIB = 1_048_576;
const KINDS = ['inline.artifacts', 'isolated.artifacts'];

describe.each(KINDS)('%s', (kind) => {
  test('creates artifacts, small and large, which are ready when it completes', async () => {
    const sizes = [0, 5, 8 * MIB, 20 * MIB + 3];
    const create = sizes.map((bytes, at) => ({ name: `part-${at}.txt`, bytes }));
    const task = await done(kind, { create, reopen: true });
    expect(task).toMatchObject({ status: 'COMPLETED' });
    const rows = await artifactsOf(task.id);
    expect(rows.map(({ name, status, bytes }) => [name, status, bytes])).toEqual(
      sizes.map((bytes, at) => [`part-${at}.txt`, 'ready', bytes]),
    );
    for (const [at, { id, sha256 }] of rows.entries()) {
      const sum = await sha256Of(contentOf(sizes[at] ?? 0));
      expect(sha256).toBe(sum);
      const stream = await bucket.readStream(`artifacts/${id}`);
      expect([stream?.bytes, await sha256Of(stream?.content ?? contentOf(1))]).toEqual([sizes[at], sum]);
    }
    expect(task.result.created.map(({ id }: { id: string }) => id)).toEqual(rows.map(({ id }) => id));
    expect(await usage()).toEqual([4, sizes.reduce((sum, bytes) => sum + bytes, 0)]);
  });

  test('reads an artifact of its organization', async () => {
    const { id, sha256 } = await uploaded(ada, 'what was given');
    const { status, result } = await done(kind, { open: id });
    expect([status, result.opened]).toEqual([
      'COMPLETED',
      { id, name: 'given.txt', mediaType: 'text/plain', bytes: 14, sha256, read: sha256 },
    ]);
  });

  test('fails at once for an artifact that is not there, whatever the reason', async () => {
    const eve = await on.member();
    const { id: deleted } = await uploaded(ada, 'x');
    await on.admin`update artifacts set status = 'deleted' where id = ${deleted}`;
    const { id: pending } = await uploaded(ada, 'x');
    await on.admin`update artifacts set status = 'pending' where id = ${pending}`;
    const reasons = [
      (await uploaded(eve, 'x')).id,
      (await uploaded(ada, 'x', { expired: true })).id,
      deleted,
      pending,
      uuidv7(),
      'no id',
    ];
    for (const id of reasons)
      expect(await done(kind, { open: id })).toMatchObject({
        status: 'FAILED',
        attempt: 1,
        error: { code: 'artifact_not_found', message: 'There is no such artifact', artifact: id },
      });
  });

  test('leaves nothing when it fails, and only what its last attempt has stored when it completes then', async () => {
    const id = await insert(kind, { create: [{ name: 'a', bytes: 9 * MIB }], leave: 9 * MIB, failIn: 1 });
    await run(id);
    expect(await rowOf(id)).toMatchObject({ status: 'SCHEDULED', error: { code: 'again' } });
    expect((await artifactsOf(id)).map(({ status }) => status)).toEqual(['deleted', 'deleted']);
    await on.admin`update tasks set run_at = now(), next_dispatch_at = now() where id = ${id}`;
    await run(id);
    expect(await rowOf(id)).toMatchObject({ status: 'COMPLETED', attempt: 2 });
    expect((await artifactsOf(id)).map(({ name, attempt, status }) => [name, attempt, status])).toEqual([
      ['a', 1, 'deleted'],
      ['left', 1, 'deleted'],
      ['a', 2, 'ready'],
      ['left', 2, 'deleted'],
    ]);
    await sweep();
    expect((await artifactsOf(id)).map(({ name, attempt }) => [name, attempt])).toEqual([['a', 2]]);
    expect(await usage()).toEqual([1, 9 * MIB]);
    expect(await readdir(join(dataDir, '.uploads'))).toEqual([]);
  });

  test('meets the quotas at their edge, and is told limit and use', async () => {
    const bytes = (value: number) =>
      on.admin`update quotas set value = ${value} where name = 'artifact_bytes_of_organization'`;
    await bytes(10 * MIB);
    const exact = await done(kind, { create: [{ name: 'a', bytes: 10 * MIB }] });
    expect(exact.status).toBe('COMPLETED');
    expect(await done(kind, { create: [{ name: 'b', bytes: 1 }] })).toMatchObject({
      status: 'FAILED',
      error: { code: 'artifacts_too_large', limit: 10 * MIB, used: 10 * MIB },
    });
    await bytes(20 * MIB - 1);
    const growing = await done(kind, { create: [{ name: 'c', bytes: 10 * MIB }] });
    expect(growing).toMatchObject({
      status: 'FAILED',
      error: { code: 'artifacts_too_large', limit: 20 * MIB - 1, used: 18 * MIB },
    });
    await on.admin`update quotas set value = 2 where name = 'artifacts_of_organization'`;
    expect(await done(kind, { create: [{ name: 'd', bytes: 0 }] })).toMatchObject({
      status: 'FAILED',
      error: { code: 'too_many_artifacts', limit: 2, used: 2 },
    });
    await sweep();
    expect(await usage()).toEqual([1, 10 * MIB]);
  });

  test.each([
    [{ name: 'a/b' }, 'artifact_invalid'],
    [{ name: '' }, 'artifact_invalid'],
    [{ name: 'a', mediaType: 'text' }, 'artifact_invalid'],
  ])('is refused the file %o', async (file, code) => {
    expect(await done(kind, { create: [{ ...file, bytes: 1 }] })).toMatchObject({
      status: 'FAILED',
      error: { code },
    });
    expect(await usage()).toEqual([0, 0]);
  });
});

test('an artifact that is larger than the memory of its process is written in parts', async () => {
  const task = await done('isolated.artifacts', { create: [{ name: 'huge', bytes: 310 * MIB }] });
  expect(task).toMatchObject({ status: 'COMPLETED' });
  expect(await artifactsOf(task.id)).toMatchObject([{ status: 'ready', bytes: 310 * MIB }]);
}, 180_000);

describe('a process that sends what no runner sends', () => {
  const hostile = async (...messages: Json[]) => {
    const id = (
      await insertTask(on.as('api'), ada, {
        kind: 'isolated.hostile',
        payload: { messages },
        softSeconds: 5,
        hardSeconds: 10,
      })
    ).id;
    await run(id);
    return rowOf(id);
  };
  /** One question for each attempt number that the runner may have. */
  const asking = (question: Json, times = 1): Json[] =>
    Array.from({ length: 100 }, (_, run) => Array(times).fill({ type: 'artifact', run, question })).flat();

  test.each([
    ['a question that there is not', asking({ ask: 'all' })],
    ['a second question before the answer', asking({ ask: 'open', id: uuidv7() }, 2)],
    [
      'a part that is too large',
      asking({ ask: 'part', id: uuidv7(), bytes: 8 * MIB + 1, sha256: '0'.repeat(64) }),
    ],
  ])('ends, and the worker lives: %s', async (_what, messages) => {
    expect(await hostile(...messages)).toMatchObject({ error: { code: 'handler_crashed' } });
  });

  test('makes nothing ready that is not in the bucket', async () => {
    const file = { name: 'x', mediaType: 'text/plain', bytes: 1, sha256: '0'.repeat(64) };
    const artifacts = attemptArtifacts(
      { db: on.as('worker'), artifacts: bucket, logError: () => {} },
      { taskId: uuidv7(), attempt: 1, organizationId: ada.organizationId },
    );
    const { id } = await artifacts.ask({ ask: 'put', ...file });
    await expect(artifacts.ask({ ask: 'stored', id })).rejects.toMatchObject({
      code: 'artifacts_unavailable',
    });
    await expect(artifacts.ask({ ask: 'stored', id: uuidv7() })).rejects.toMatchObject({
      code: 'artifact_not_found',
    });
  });
});

describe('a worker that is killed', () => {
  /** Runs a task in a worker that kills itself at a point of its work. */
  async function killedAt(point: string): Promise<string> {
    const id = await insert('inline.artifacts', {
      create: [
        { name: 'small', bytes: 3 },
        { name: 'large', bytes: 9 * MIB },
      ],
    });
    const worker = fork(new URL('./process-pool/testing/dying-worker.ts', import.meta.url), [], {
      execArgv: [],
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: on.database.urlFor('worker'),
        ENDPOINT: buckets.endpoint,
        TASK: id,
        POINT: point,
      },
    });
    const [, signal] = await once(worker, 'exit');
    expect(signal).toBe('SIGKILL');
    return id;
  }

  test.each([
    ['before it has sent an object', 'beforePut'],
    ['between an object and its row', 'beforeStored'],
    ['between a part and the next', 'beforeComplete'],
    ['between an object of parts and its row', 'beforeFinish'],
    ['before its artifacts are ready', 'beforeKeep'],
    ['when its artifacts are ready, and its outcome is not recorded', 'beforeSettle'],
  ])('%s leaves neither an object nor a row behind, and the next attempt completes', async (_when, point) => {
    const before = await objects();
    const id = await killedAt(point);
    expect(await rowOf(id)).toMatchObject({ status: 'RUNNING', attempt: 1 });
    await on.admin`
      update tasks set status = 'SCHEDULED', lease_until = null, run_at = now(), next_dispatch_at = now() where id = ${id}`;
    await run(id);
    const task = await rowOf(id);
    expect(task).toMatchObject({ status: 'COMPLETED', attempt: 2 });
    await sweep();
    const rows = await artifactsOf(id);
    expect(rows.map(({ name, attempt, status }) => [name, attempt, status])).toEqual([
      ['small', 2, 'ready'],
      ['large', 2, 'ready'],
    ]);
    const added = (await objects()).filter((name) => !before.includes(name));
    expect(added.sort()).toEqual(rows.map((row) => `artifacts/${row.id}`).sort());
    expect(await usage()).toEqual([2, 9 * MIB + 3]);
  });
});
