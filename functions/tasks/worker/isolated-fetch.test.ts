import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { asMember } from '../../database/enter.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { serve } from '../../fetch/testing/server.ts';
import { noArtifacts } from '../artifacts/testing/no-artifacts.ts';
import { askNoInputs } from '../inputs/testing/no-inputs.ts';
import * as store from '../store/index.ts';
import { DISPATCH, insertTask, statusOf } from '../verification/fixtures.ts';
import { outboundTurns } from './outbound.ts';
import { type Runners, startRunners } from './process-pool/pool.ts';
import { ISOLATED_KINDS } from './process-pool/testing/kinds.ts';
import { type ExecuteDeps, execute } from './worker.ts';

/** The runners' program is source code here. Its imports may be anywhere in the repository. */
const REPOSITORY = new URL('../../../', import.meta.url);

let on: DatabaseFixture;
let ada: Member;
let eve: Member;
let runners: Runners;
let deps: ExecuteDeps;
/** The requests that arrived: their host and their time. */
let arrived: { host: string; at: number }[];

beforeAll(async () => {
  on = await databaseFixture();
  runners = startRunners({
    program: new URL('./process-pool/testing/program.ts', import.meta.url),
    environment: { PATH: process.env.PATH },
    readable: REPOSITORY,
    heapMiB: 96,
    size: 2,
    memoryMiB: 300,
  });
  const db = on.as('worker');
  deps = {
    db,
    dispatch: DISPATCH,
    leaseSeconds: 30,
    kinds: ISOLATED_KINDS,
    taskOf: () => undefined,
    runners,
    fetch: () => Promise.reject(new Error('nothing runs inline in this test')),
    turnsOf: outboundTurns(db),
    putArtifact: () => Promise.reject(new Error('no bucket in this test')),
    artifactsOf: noArtifacts,
    inputsOf: () => askNoInputs,
    log: () => {},
    announce: () => {},
    announceReports: () => {},
    enqueue: async () => [],
  };
});
beforeEach(async () => {
  [ada, eve] = [await on.member(), await on.member()];
  arrived = [];
  await on.admin`delete from stopped_hosts`;
});
afterAll(async () => {
  await runners.stop();
  await on.close();
});

/** @returns a port that answers under every name. `/to/<host>` redirects to that host */
async function server(): Promise<string> {
  const origin = await serve(({ headers, url = '' }: IncomingMessage, response: ServerResponse) => {
    arrived.push({ host: new URL(`http://${headers.host}`).hostname, at: performance.now() });
    const [, to] = /^\/to\/(.*)$/.exec(url) ?? [];
    response.writeHead(to ? 302 : 200, to ? { location: `http://${to}:${port}/` } : {}).end();
  });
  const { port } = new URL(origin);
  return port;
}

const inserted = async (kind: string, payload: unknown) =>
  (await insertTask(on.as('api'), ada, { kind, payload })).id;

/** Creates a task that sends requests from a runner, all at once. */
const fetching = (...urls: string[]) => inserted('isolated.fetch', { urls });

const run = (ids: string[], given: Partial<ExecuteDeps> = {}) =>
  execute({ ...deps, ...given }, ids, { remainingSeconds: () => 900 });

const lastAttempt = async (id: string) => {
  const [row] = await on.admin`
    select t.status, t.result, a.attempt, a.outcome, a.error, a.delay_seconds as "delaySeconds"
    from tasks t join attempts a on a.task_id = t.id where t.id = ${id} order by a.attempt desc limit 1`;
  if (!row) throw new Error(`no attempt of ${id}`);
  return row;
};

const arrivedAt = () => arrived.map(({ host }) => host);

describe('requests of an isolated attempt', () => {
  test('do not reach a stopped host, and no retry changes that', async () => {
    const port = await server();
    await store.stopHost(on.as('dispatcher'), 'stopped.example', '');
    const id = await fetching(`http://www.stopped.example:${port}/`);
    await run([id]);
    expect(await lastAttempt(id)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'host_stopped' },
    });
    expect(arrivedAt()).toEqual([]);
  });

  test('do not reach a stopped host by a redirect', async () => {
    const port = await server();
    await store.stopHost(on.as('dispatcher'), 'stopped.example', '');
    const id = await fetching(`http://a.example:${port}/to/stopped.example`);
    await run([id]);
    expect(await lastAttempt(id)).toMatchObject({
      status: 'FAILED',
      attempt: 1,
      error: { code: 'host_stopped' },
    });
    expect(arrivedAt()).toEqual(['a.example']);
  });

  test('keep the rate of their organization, from all runners together', async () => {
    await on.admin`
      update quotas set value = case name when 'requests_per_second' then 10 else 5 end
      where name in ('requests_per_second', 'requests_at_once')`;
    const port = await server();
    const urls = Array.from({ length: 10 }, () => `http://a.example:${port}/`);
    const ids = [await fetching(...urls), await fetching(...urls)];
    const askedAt: number[] = [];
    const turnsOf: ExecuteDeps['turnsOf'] = (organizationId) => (host) => {
      askedAt.push(performance.now());
      return deps.turnsOf(organizationId)(host);
    };
    await run(ids, { turnsOf });
    const attempts = await Promise.all(ids.map(lastAttempt));
    expect(attempts.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED']);
    expect(new Set(attempts.map(({ result }) => result.pid)).size).toBe(2);
    expect(arrived).toHaveLength(20);
    // Five requests at once, and then one each tenth of a second. A timer may be a millisecond early.
    const [first = Number.NaN] = askedAt;
    expect((arrived.at(-1)?.at ?? 0) - first).toBeGreaterThanOrEqual(1_500 - 1);
  });

  test('whose turn is too far away are tried again later', async () => {
    const port = await server();
    await on.admin`
      insert into outbound_turns (organization_id, host, next_at)
      values (${ada.organizationId}, 'a.example', now() + interval '1 hour')`;
    const id = await fetching(`http://a.example:${port}/`);
    await run([id]);
    const attempt = await lastAttempt(id);
    expect(attempt).toMatchObject({ status: 'SCHEDULED', outcome: 'retried', error: { code: 'host_busy' } });
    expect(attempt.delaySeconds).toBeGreaterThanOrEqual(15);
    expect(arrivedAt()).toEqual([]);
  });

  test('whose turn cannot be read from the database are retried, without quoting the database', async () => {
    const id = await fetching('http://a.example/');
    await run([id], { turnsOf: () => () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:5432')) });
    const { error } = await lastAttempt(id);
    expect(error).toMatchObject({ code: 'turn_unknown', message: expect.not.stringContaining('10.0.0.7') });
  });

  test('are not sent when the task is cancelled while they wait for their turn', async () => {
    const port = await server();
    const asked: string[] = [];
    const turnsOf: ExecuteDeps['turnsOf'] = (organizationId) => async (host) => {
      asked.push(`${organizationId} ${host}`);
      return { kind: 'go', afterSeconds: 3_600 };
    };
    const id = await fetching(`http://a.example:${port}/`);
    const working = run([id], { turnsOf });
    await expect.poll(() => asked).toEqual([`${ada.organizationId} a.example`]);
    await asMember(on.as('api'), ada, (tx) => store.cancel(tx, id));
    await working;
    expect(await statusOf(on.admin, id)).toBe('CANCELLED');
    expect(arrivedAt()).toEqual([]);
  });
});

describe('a hostile runner', () => {
  /** One question for each attempt number that the runner may have. */
  const asking = (given: object, times = 1) =>
    Array.from({ length: 100 }, (_, run) =>
      Array(times).fill({ type: 'turn', host: 'a.example', run, ...given }),
    ).flat();

  test.each([
    ['names another organization', (organizationId: string) => asking({ organizationId })],
    ['asks again before it has its answer', () => asking({}, 2)],
    ['asks for what is no host', () => asking({ host: { toString: 'a.example' } })],
    ['asks for what is too long for a host', () => asking({ host: 'a'.repeat(254) })],
    ['sends an unknown message', () => [{ type: 'claim', run: 1 }]],
    ['sends an outcome that is none', () => [{ type: 'threw', run: 1, thrown: null }]],
    [
      'logs more than a handler may',
      () => [
        {
          type: 'output',
          run: 1,
          output: {
            progress: null,
            lines: [{ at: new Date().toISOString(), level: 'info', message: 'x'.repeat(1_001) }],
            leftOut: 0,
          },
        },
      ],
    ],
  ])('that %s is killed, and gets no turns of others', async (_what, messagesFor) => {
    const id = await inserted('isolated.hostile', { messages: messagesFor(eve.organizationId) });
    await run([id]);
    expect(await lastAttempt(id)).toMatchObject({ outcome: 'retried', error: { code: 'handler_crashed' } });
    expect([
      ...(await on.admin`select from outbound_turns where organization_id = ${eve.organizationId}`),
    ]).toEqual([]);
  });
});
