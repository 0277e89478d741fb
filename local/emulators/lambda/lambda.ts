import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { startOrphanGuard } from '../../process/orphan-guard.ts';
import type { FunctionSpec } from '../../template/deployment.ts';
import { ACCOUNT, REGION } from '../../template/physical.ts';
import { failure, type Outcome, type Sandbox, startSandbox } from './sandbox.ts';
import { sandboxEnvironment } from './sandbox-environment.ts';
import type { Lane } from './sandbox-pool.ts';
import type { ErrorPayload } from './sandbox-protocol.ts';

/** Lambda's limits for a payload, in bytes. */
export const PAYLOAD_LIMITS = { RequestResponse: 6 * 1024 * 1024, Event: 1024 * 1024 } as const;

/** Seconds before each of the two retries of an asynchronous invocation. */
const ASYNC_RETRY_SECONDS = [60, 120];

/** Seconds after which an idle sandbox ends, unless it is provisioned. */
const IDLE_SECONDS = 300;

/** Number of invocations that may wait for a sandbox. Further ones are throttled. */
const MAX_WAITING = 10_000;

/** A refusal by the Lambda service, as the SDK throws it. */
export class LambdaRefusal extends Error {
  readonly code: 'ResourceNotFoundException' | 'TooManyRequestsException' | 'RequestTooLargeException';

  constructor(code: LambdaRefusal['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** A function with one of its lanes. */
export type LambdaFunction = FunctionSpec & Lane;

export interface Lambda {
  /**
   * Runs a function and waits for its result.
   *
   * @param name the function's name or ARN
   * @param payload JSON text of at most 6 MB
   * @param queueName the queue from which the payload comes, if any
   * @throws {LambdaRefusal}
   */
  invoke(name: string, payload: string, queueName?: string): Promise<Outcome>;
  /** Accepts an event of at most 1 MB and runs the function later, with up to two retries. @throws {LambdaRefusal} */
  invokeLater(name: string, payload: string): void;
  /** Starts the provisioned sandboxes and waits until they have loaded. */
  provision(): Promise<void>;
  /**
   * Replaces the code of a function. Running invocations end with the old code; later ones run the new code.
   *
   * @param codeDir directory that holds `index.mjs`
   * @throws {LambdaRefusal}
   */
  replaceCode(name: string, codeDir: string): void;
  /** Process ids of all sandboxes, or of one function's sandboxes. */
  sandboxes(name?: string): number[];
  /** Waits at most `graceSeconds` for running invocations, then kills every sandbox. */
  stop(graceSeconds: number): Promise<void>;
}

interface Job {
  readonly payload: string;
  readonly settle: (outcome: Outcome) => void;
}

interface Pool {
  spec: LambdaFunction;
  idle: { sandbox: Sandbox; since: number }[];
  readonly waiting: Job[];
  readonly all: Set<Sandbox>;
  /** Sandboxes with code that was replaced: they end when they are idle. */
  readonly outdated: WeakSet<Sandbox>;
  starting: number;
}

/** Starts the emulator of Lambda, which keeps a pool of sandboxes for each function. */
export function startLambda(options: {
  functions: readonly LambdaFunction[];
  /** Variables besides those of the template: the addresses of the other emulators. */
  environment: Readonly<Record<string, string>>;
  /** Receives every line that a function prints, and every failure. */
  log: (functionName: string, line: string) => void;
  /** Called with a short reason when an invocation failed or a sandbox did not start. */
  onFailure?: (functionName: string, why: string) => void;
}): Lambda {
  const { functions, environment, log, onFailure = () => {} } = options;
  const guard = startOrphanGuard();
  const pools = new Map<string, Pool>(
    functions.map((spec) => [
      keyOf(spec.name, spec.queueName),
      { spec, idle: [], waiting: [], all: new Set(), outdated: new WeakSet(), starting: 0 },
    ]),
  );
  const later = new AbortController();
  let running = 0;
  let refuses = false;
  let stopped = false;

  const pids = () => [...pools.values()].flatMap(({ all }) => [...all].map(({ pid }) => pid));
  const reaper = setInterval(reapIdle, 30_000).unref();

  function poolOf(nameOrArn: string, queueName?: string): Pool {
    const name = nameOrArn.replace(/^.*:function:/, '');
    const pool = pools.get(keyOf(name, queueName)) ?? pools.get(keyOf(name));
    if (!pool) throw new LambdaRefusal('ResourceNotFoundException', `Function not found: ${nameOrArn}`);
    return pool;
  }

  /** Starts a sandbox, which then serves the waiting jobs. Another sandbox may have taken them meanwhile. */
  async function grow(pool: Pool): Promise<void> {
    const { spec } = pool;
    const sandbox = startSandbox({
      codeDir: spec.codeDir,
      memoryMb: spec.memoryMb,
      environment: sandboxEnvironment(spec, environment),
      log: (line) => log(spec.name, line),
      ...(spec.niceness !== undefined && { niceness: spec.niceness }),
    });
    pool.all.add(sandbox);
    pool.starting++;
    guard.watch(pids());
    void sandbox.ended.then(() => {
      pool.all.delete(sandbox);
      pool.idle = pool.idle.filter((entry) => entry.sandbox !== sandbox);
      guard.watch(pids());
    });
    const error = await sandbox.initialized;
    pool.starting--;
    if (!error) return serve(pool, sandbox);
    sandbox.kill();
    log(spec.name, `could not start: ${JSON.stringify(error)}`);
    onFailure(spec.name, `${error.errorType}: ${error.errorMessage}`);
    pool.waiting.shift()?.settle(failure(error));
    growIfNeeded(pool);
  }

  function growIfNeeded(pool: Pool): void {
    if (stopped) return;
    while (pool.waiting.length > pool.starting && pool.all.size < pool.spec.maxSandboxes) void grow(pool);
  }

  /** Runs the waiting jobs one after the other. Then the sandbox is idle. */
  async function serve(pool: Pool, sandbox: Sandbox): Promise<void> {
    const next = () => (pool.outdated.has(sandbox) ? undefined : pool.waiting.shift());
    for (let job = next(); job; job = next()) {
      const { name, timeoutSeconds } = pool.spec;
      const requestId = randomUUID();
      running++;
      const outcome = await sandbox.invoke({
        requestId,
        payload: job.payload,
        deadline: Date.now() + timeoutSeconds * 1000,
        invokedFunctionArn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`,
      });
      running--;
      job.settle(outcome);
      if (outcome.functionError) {
        const { errorType, errorMessage }: ErrorPayload = JSON.parse(outcome.payload);
        log(name, `${requestId} failed: ${outcome.payload}`);
        onFailure(name, `${errorType}: ${errorMessage}`);
      }
      if (outcome.lost) {
        pool.all.delete(sandbox);
        return growIfNeeded(pool);
      }
    }
    if (pool.outdated.has(sandbox)) retire(pool, sandbox);
    else pool.idle.push({ sandbox, since: Date.now() });
  }

  /** Ends an idle sandbox. Taken off the list at once, since the process takes a moment to end. */
  function retire(pool: Pool, sandbox: Sandbox): void {
    pool.all.delete(sandbox);
    sandbox.kill();
    growIfNeeded(pool);
  }

  async function invoke(name: string, payload: string, queueName?: string): Promise<Outcome> {
    const pool = poolOf(name, queueName);
    checkSize(payload, 'RequestResponse');
    if (refuses || pool.waiting.length >= MAX_WAITING) {
      throw new LambdaRefusal('TooManyRequestsException', 'Rate Exceeded.');
    }
    return new Promise((settle) => {
      pool.waiting.push({ payload, settle });
      const free = pool.idle.pop();
      if (free) void serve(pool, free.sandbox);
      else growIfNeeded(pool);
    });
  }

  function reapIdle(): void {
    const oldest = Date.now() - IDLE_SECONDS * 1000;
    for (const pool of pools.values()) {
      const { spec, idle, all } = pool;
      // The longest idle sandbox comes first. It leaves the lists at once, because its process takes a moment to end.
      while (idle[0] && idle[0].since < oldest && all.size > spec.provisioned) {
        const [reaped] = idle.splice(0, 1);
        if (!reaped) break;
        retire(pool, reaped.sandbox);
      }
    }
  }

  function replaceCode(name: string, codeDir: string): void {
    poolOf(name);
    for (const pool of pools.values()) {
      if (pool.spec.name !== name) continue;
      pool.spec = { ...pool.spec, codeDir };
      for (const sandbox of pool.all) pool.outdated.add(sandbox);
      for (const { sandbox } of pool.idle.splice(0)) retire(pool, sandbox);
    }
  }

  return {
    replaceCode,
    invoke,
    invokeLater: (name, payload) => {
      poolOf(name);
      checkSize(payload, 'Event');
      void (async () => {
        for (const delaySeconds of [0, ...ASYNC_RETRY_SECONDS]) {
          await sleep(delaySeconds * 1000, undefined, { signal: later.signal, ref: false });
          const outcome = await invoke(name, payload);
          if (!outcome.functionError) return;
        }
      })().catch(() => {});
    },
    provision: async () => {
      await Promise.all(
        [...pools.values()].flatMap((pool) =>
          Array.from({ length: Math.max(0, pool.spec.provisioned - pool.all.size) }, () => {
            void grow(pool);
            return [...pool.all].at(-1)?.initialized;
          }),
        ),
      );
    },
    sandboxes: (name) => (name === undefined ? pids() : [...poolOf(name).all].map(({ pid }) => pid)),
    stop: async (graceSeconds) => {
      refuses = true;
      later.abort();
      clearInterval(reaper);
      const deadline = Date.now() + graceSeconds * 1000;
      const isBusy = () => running > 0 || [...pools.values()].some(({ waiting }) => waiting.length > 0);
      while (isBusy() && Date.now() < deadline) await sleep(10);
      stopped = true;
      const sandboxes = [...pools.values()].flatMap(({ all }) => [...all]);
      for (const sandbox of sandboxes) sandbox.kill();
      await Promise.all(sandboxes.map(({ ended }) => ended));
      guard.release();
    },
  };
}

/** @throws {LambdaRefusal} when a payload exceeds the limit for this type of invocation */
function checkSize(payload: string, type: keyof typeof PAYLOAD_LIMITS): void {
  const bytes = Buffer.byteLength(payload);
  const limit = PAYLOAD_LIMITS[type];
  if (bytes <= limit) return;
  const message = `${bytes} byte payload is too large for the ${type} invocation type (limit ${limit} bytes)`;
  throw new LambdaRefusal('RequestTooLargeException', message);
}

/** Key of a pool: the lane of that queue, or the common lane. */
function keyOf(name: string, queueName = ''): string {
  return `${name}/${queueName}`;
}
