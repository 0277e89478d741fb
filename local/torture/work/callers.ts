import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { type Answer, request } from '../../end-to-end/client.ts';
import type { PlannedTask } from './plan.ts';
import type { Random } from './random.ts';

/** A task whose creation was answered with 201. From then on the task must not be lost. */
export interface Created {
  readonly id: string;
  /** Requested run time in milliseconds since the epoch, but not earlier than the request. */
  readonly dueAt: number;
}

/** A request to cancel or retry a task, and its answer. Times are milliseconds since the epoch. */
export interface Change {
  readonly id: string;
  readonly what: 'cancel' | 'retry';
  readonly sentAt: number;
  readonly answeredAt: number;
  /**
   * HTTP status of the answer; 0 when no answer came. Like 0, a status above 499 does not say whether the change
   * happened.
   */
  readonly code: number;
  /** The task's status in the answer. */
  readonly status: string | undefined;
}

export interface Callers {
  readonly created: ReadonlyMap<string, Created>;
  readonly changes: readonly Change[];
  /** Number of creations whose answer did not say whether the task exists. They were sent again. */
  unanswered(): number;
  /**
   * Creates every task of the plan and schedules its planned cancel. Resolves when all creations were answered with
   * 201.
   */
  create(tasks: Iterable<PlannedTask>): Promise<void>;
  /** Sends the cancel that is planned for a running task. */
  started(id: string): void;
  /** Retries some of these failed or cancelled tasks. */
  considerRetries(ids: readonly string[]): void;
  /** Returns true while a cancel or a retry is planned or under way. */
  isBusy(): boolean;
  stop(): Promise<void>;
}

export interface CallerOptions {
  /** The API's address, without a trailing slash. */
  readonly url: string;
  readonly target: string;
  readonly random: Random;
  /** Largest number of creations per second. */
  readonly perSecond: number;
  /** Creations wait while this returns true. */
  readonly isBacklogged: () => boolean;
  readonly signal: AbortSignal;
}

interface Caller {
  readonly email: string;
  token: string;
  tokenSince: number;
}

const PASSWORD = 'a long enough password';

/** Number of users. Each has its own organization, and therefore its own message group. */
const CALLERS = 4;

/** Number of concurrent requests that create tasks. */
const LANES = 16;

/** Minutes after which a token is renewed, well before it expires. */
const TOKEN_MINUTES = 4;

/** A failed or cancelled task is retried with this probability, at most this many times. */
const RETRY = { probability: 0.5, atMost: 2, withinMs: 3_000 } as const;

/** Starts external programs that use the API as documented and record its answers. */
export async function startCallers(options: CallerOptions): Promise<Callers> {
  const { random, signal } = options;
  const pool = new Pool(options.url, { connections: 2 * LANES });
  const created = new Map<string, Created>();
  const owners = new Map<string, Caller>();
  const changes: Change[] = [];
  /** Milliseconds from a task's start to its planned cancel, by task id. */
  const cancelsAfterStart = new Map<string, number>();
  const retries = new Map<string, number>();
  const underWay = new Set<Promise<void>>();
  let unanswered = 0;

  /** Never rejects: status 0 means that no answer came. */
  const ask = (path: string, body?: unknown, access?: string): Promise<Answer> =>
    request({ url: options.url, method: 'POST', path, body, access, dispatcher: pool }).catch(() => ({
      status: 0,
      body: {},
    }));

  /** Repeats a request until it succeeds, because the database's connections are cut all the time. */
  async function insist(path: string, body: unknown): Promise<Record<string, unknown>> {
    for (let tries = 1; ; tries += 1) {
      const answer = await ask(path, body);
      if (answer.status === 200 || answer.status === 201) return answer.body;
      if (tries === 20) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      await sleep(100, undefined, { signal });
    }
  }

  async function register(): Promise<Caller> {
    const email = `${randomUUID()}@example.com`;
    const { access } = await insist('/api/auth/register/', { email, password: PASSWORD });
    return { email, token: String(access), tokenSince: performance.now() };
  }

  async function tokenOf(caller: Caller): Promise<string> {
    if (performance.now() - caller.tokenSince > TOKEN_MINUTES * 60_000) {
      caller.tokenSince = performance.now();
      const { access } = await insist('/api/token/', { username: caller.email, password: PASSWORD });
      caller.token = String(access);
    }
    return caller.token;
  }

  async function createOne(planned: PlannedTask, caller: Caller): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const askedAt = Date.now();
      const dueAt = askedAt + Math.trunc(planned.aheadMs ?? 0);
      const { status: code, body } = await ask(
        '/api/tasks/',
        bodyOf(planned, dueAt, options.target),
        await tokenOf(caller),
      );
      if (code === 201) {
        const id = String(body.id);
        created.set(id, { id, dueAt: Math.max(dueAt, askedAt) });
        owners.set(id, caller);
        if (planned.cancel?.after === 'creation') later('cancel', id, planned.cancel.ms);
        if (planned.cancel?.after === 'start') cancelsAfterStart.set(id, planned.cancel.ms);
        return;
      }
      if (code !== 0 && code < 500)
        throw new Error(`a creation was answered ${code}: ${JSON.stringify(body)}`);
      unanswered += 1;
      await sleep(50, undefined, { signal });
    }
  }

  function later(what: Change['what'], id: string, delayMs: number): void {
    const done = sleep(delayMs, undefined, { signal })
      .then(() => change(what, id))
      .catch(() => {})
      .finally(() => underWay.delete(done));
    underWay.add(done);
  }

  async function change(what: Change['what'], id: string): Promise<void> {
    const caller = owners.get(id);
    if (!caller) return;
    const token = await tokenOf(caller);
    const sentAt = Date.now();
    const { status: code, body } = await ask(`/api/tasks/${id}/${what}/`, undefined, token);
    const status = typeof body?.status === 'string' ? body.status : undefined;
    changes.push({ id, what, sentAt, answeredAt: Date.now(), code, status });
  }

  const callers = await Promise.all(Array.from({ length: CALLERS }, register));
  return {
    created,
    changes,
    unanswered: () => unanswered,
    create: async (tasks) => {
      const left = tasks[Symbol.iterator]();
      const startedAt = performance.now();
      let taken = 0;
      const lane = async () => {
        for (let item = left.next(); !item.done; item = left.next()) {
          taken += 1;
          const mayStartAt = startedAt + (taken / options.perSecond) * 1_000;
          const pauseMs = mayStartAt - performance.now();
          if (pauseMs > 0) await sleep(pauseMs, undefined, { signal });
          while (options.isBacklogged()) await sleep(50, undefined, { signal });
          const caller = random.oneOf(callers);
          if (caller) await createOne(item.value, caller);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
    },
    started: (id) => {
      const delayMs = cancelsAfterStart.get(id);
      if (delayMs !== undefined && cancelsAfterStart.delete(id)) later('cancel', id, delayMs);
    },
    considerRetries: (ids) => {
      for (const id of ids) {
        const before = retries.get(id) ?? 0;
        if (before >= RETRY.atMost || !created.has(id) || !random.chance(RETRY.probability)) continue;
        retries.set(id, before + 1);
        later('retry', id, random.between(0, RETRY.withinMs));
      }
    },
    isBusy: () => underWay.size > 0,
    stop: () => pool.destroy(),
  };
}

function bodyOf({ behaviour, aheadMs, maxRetries }: PlannedTask, dueAt: number, target: string): unknown {
  return {
    name: behaviour ?? 'quiet',
    max_retries: maxRetries,
    ...(aheadMs !== undefined && { scheduled_time: new Date(dueAt).toISOString() }),
    ...(behaviour !== undefined && { kind: 'http.request', payload: { url: `${target}/${behaviour}` } }),
  };
}
