import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { AttemptAborted } from '../../attempt-aborted.ts';
import { PermanentError, RetryError } from '../../define-task.ts';
import type { HandlerOutput } from '../../handler-output.ts';
import { askNoInputs } from '../../inputs/testing/no-inputs.ts';
import { memoryOf } from './memory.ts';
import { type Runners, type RunnersSpec, startRunners } from './pool.ts';

// The tests start, fill and kill processes.
vi.setConfig({ testTimeout: 60_000 });

/** The program of these tests is source code. Its imports may be anywhere in the repository. */
const REPOSITORY = new URL('../../../../', import.meta.url);

const opened: Runners[] = [];

function pool(given: Partial<RunnersSpec> = {}): Runners {
  const runners = startRunners({
    program: new URL('./testing/program.ts', import.meta.url),
    environment: { PATH: process.env.PATH },
    readable: REPOSITORY,
    heapMiB: 96,
    size: 2,
    memoryMiB: 300,
    ...given,
  });
  opened.push(runners);
  return runners;
}

const runners = pool();
afterEach(async () => {
  await Promise.all(opened.filter((each) => each !== runners).map((each) => each.stop()));
});
afterAll(() => runners.stop());

/** Starts an attempt of a kind of `testing/program.ts`. The test may abort `stop` and `end`. */
function start(kind: string, { on = runners, payload = null as unknown } = {}) {
  const stop = new AbortController();
  const end = new AbortController();
  const output: HandlerOutput[] = [];
  const job = () => ({
    taskId: 'task',
    kind,
    payload: JSON.stringify(payload),
    attempt: 3,
    idempotencyKey: 'key',
    inputNames: [],
    deadline: new Date(Date.now() + 20_000),
  });
  const hearing = {
    signal: stop.signal,
    end: end.signal,
    onOutput: (received: HandlerOutput) => void output.push(received),
    takeTurn: () => Promise.reject(new Error('nothing is fetched in this test')),
    askArtifacts: () => Promise.reject(new Error('no artifacts in this test')),
    askInputs: askNoInputs,
  };
  const result = on.run(job, hearing).then((text) => JSON.parse(text));
  result.catch(() => {});
  return { result, stop, end, output };
}

/** Returns true while a process runs. A zombie does not run. */
const isAlive = (pid: number) => memoryOf(pid) > 0;

describe('a handler in a runner', () => {
  test('gets its attempt, in another process', async () => {
    const payload = { a: [1, 'ü'], b: null };
    const result = await start('isolated.echo', { payload }).result;
    expect(result).toMatchObject({ taskId: 'task', attempt: 3, idempotencyKey: 'key', payload });
    expect(result.secondsLeft).toBeGreaterThan(15);
    expect(result.pid).not.toBe(process.pid);
  });

  test('has only the given environment', async () => {
    expect(await start('isolated.environment').result).not.toContain('HOME');
  });

  test('reads only its own code, not the environment of the worker or the machine, and starts no process', async () => {
    const payload = {
      readable: [
        `/proc/${process.pid}/environ`,
        `/proc/${process.pid}/mem`,
        '/proc/self/environ',
        '/etc/passwd',
      ],
      writable: join(tmpdir(), `celeriac-${randomUUID()}`),
    };
    const { result } = start('isolated.intrude', { payload });
    expect(await result).toEqual(new Array(6).fill('ERR_ACCESS_DENIED'));
  });

  test('that returns too much or throws fails with an error of the same class, code and details', async () => {
    const thrown = (kind: string) =>
      start(kind).result.then(
        () => expect.fail(`${kind} returned`),
        (error: unknown) => error,
      );
    const permanent = await thrown('isolated.permanent');
    expect(permanent).toBeInstanceOf(PermanentError);
    expect(permanent).toMatchObject({ code: 'bad_csv', message: 'line 3', details: { line: 3 } });
    const retry = await thrown('isolated.retry');
    expect(retry).toBeInstanceOf(RetryError);
    expect(retry).toMatchObject({ code: 'busy', afterSeconds: 3_600, details: { load: 0.9 } });
    const bug = await thrown('isolated.bug');
    expect(bug).toMatchObject({ name: 'TypeError', message: 'not a function' });
    expect((bug as Error).stack).toContain('the real cause');
    expect(await thrown('isolated.wordless')).toMatchObject({ message: 'What was thrown says nothing' });
    expect(await thrown('isolated.large')).toMatchObject({ code: 'result_too_large' });
  });

  test('gets the signal to stop, even while it computes, if it yields now and then', async () => {
    for (const kind of ['isolated.wait', 'isolated.compute']) {
      const { result, stop, output } = start(kind);
      await expect.poll(() => output.length).toBe(1);
      stop.abort(new AttemptAborted('cancelled', 'Cancelled'));
      const error = await result.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(AttemptAborted);
      expect(error).toMatchObject({ code: 'cancelled', message: 'Cancelled' });
    }
  });

  test('is received while it spins, in few messages', async () => {
    // A place that the process may read.
    const end = fileURLToPath(new URL(`node_modules/.celeriac-${randomUUID()}`, REPOSITORY));
    const begun = performance.now();
    const { result, output } = start('isolated.chatter', { payload: end });
    await expect.poll(() => output.length).toBeGreaterThan(2);
    await writeFile(end, '');
    const steps = await result.finally(() => rm(end));
    // Ten messages a second, and the rest at the end.
    expect(output.length).toBeLessThanOrEqual((performance.now() - begun) / 100 + 2);
    expect(output.flatMap(({ lines }) => lines)).toHaveLength(1_000);
    expect(output.reduce((sum, { leftOut }) => sum + leftOut, 0)).toBe(4_000);
    expect(output.at(-1)?.progress?.note).toBe(`step ${steps - 1}`);
  });
});

describe('a hostile handler', () => {
  test('is killed with its process when it spins, and its neighbour is not', async () => {
    const spinning = start('isolated.spin');
    await expect.poll(() => spinning.output.length).toBe(1);
    const first = (await start('isolated.echo').result).pid;
    spinning.end.abort(new RetryError('hard_limit_exceeded', 'over'));
    await expect(spinning.result).rejects.toMatchObject({ code: 'hard_limit_exceeded' });
    expect((await start('isolated.echo').result).pid).toBe(first);
  });

  test.each([
    ['fills its heap', 'isolated.list', 'memory_exceeded'],
    ['fills the memory past its heap', 'isolated.buffers', 'memory_exceeded'],
    ['exits', 'isolated.exit', 'handler_crashed'],
    ['throws where nobody waits', 'isolated.uncaught', 'handler_crashed'],
  ])('loses only its own attempt when it %s', async (_what, kind, code) => {
    const neighbour = start('isolated.wait');
    const error = await start(kind).result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RetryError);
    expect(error).toMatchObject({ code });
    neighbour.stop.abort(new AttemptAborted('cancelled', 'Cancelled'));
    await expect(neighbour.result).rejects.toMatchObject({ code: 'cancelled' });
    expect(await start('isolated.echo').result).toMatchObject({ attempt: 3 });
  });

  test('that cannot be loaded fails with a retryable error, its cause is logged once, and the next attempt has another process', async () => {
    const on = pool({ size: 1 });
    const logged = vi.spyOn(process.stderr, 'write');
    const processes = [];
    for (const _attempt of [1, 2]) {
      logged.mockClear();
      const error = await start('isolated.unloadable', { on }).result.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RetryError);
      expect(error).toMatchObject({
        code: 'handler_not_loaded',
        message: 'The handler of isolated.unloadable cannot be loaded. The log has the cause',
      });
      const lines = () => logged.mock.calls.map(([chunk]) => String(chunk)).join('');
      await expect.poll(lines).toContain('in process');
      expect(
        lines().match(/The handler of isolated.unloadable cannot be loaded, for task task/g),
      ).toHaveLength(1);
      expect(lines()).toContain('half a module');
      processes.push(...(lines().match(/(?<=in process )\d+/g) ?? []));
    }
    logged.mockRestore();
    expect(new Set(processes).size).toBe(2);
    expect(processes).toHaveLength(2);
    expect(await start('isolated.echo', { on }).result).toMatchObject({ attempt: 3 });
  });

  test('reports an uncaught error', async () => {
    await expect(start('isolated.uncaught').result).rejects.toThrow('thrown where nobody waits');
    await expect(start('isolated.exit').result).rejects.toThrow('exit status 7');
  });
});

describe('a pool', () => {
  test('keeps its runners warm, one attempt at a time in each', async () => {
    const on = pool({ size: 1 });
    const pids = [];
    for (let i = 0; i < 3; i += 1) pids.push((await start('isolated.echo', { on }).result).pid);
    expect(new Set(pids).size).toBe(1);
    const [one, two] = [start('isolated.echo', { on }), start('isolated.echo', { on })];
    expect(on.free()).toBe(0);
    await Promise.all([one.result, two.result]);
    expect(on.free()).toBe(1);
  });

  test('accepts more attempts while attempts are short, and none behind a long one', async () => {
    const on = pool({ size: 1 });
    // However busy this machine is, several short attempts come in a row at some time.
    await expect
      .poll(async () => {
        await start('isolated.echo', { on }).result;
        return on.free();
      })
      .toBe(5);
    const waits = [start('isolated.wait', { on }), start('isolated.echo', { on })];
    expect(on.free()).toBe(3);
    await sleep(150);
    waits[0]?.stop.abort(new AttemptAborted('cancelled', 'Cancelled'));
    await Promise.allSettled(waits.map(({ result }) => result));
    expect(on.free()).toBe(1);
  });

  test('an attempt that is aborted while it waits for a runner never begins', async () => {
    const on = pool({ size: 1 });
    const spinning = start('isolated.spin', { on });
    const waiting = start('isolated.echo', { on });
    const third = start('isolated.echo', { on });
    waiting.stop.abort(new AttemptAborted('cancelled', 'Cancelled'));
    await expect(waiting.result).rejects.toMatchObject({ code: 'cancelled' });
    spinning.end.abort(new RetryError('hard_limit_exceeded', 'over'));
    expect(await third.result).toMatchObject({ attempt: 3 });
    expect(on.free()).toBe(1);
  });

  test('an attempt that is aborted while its runner starts never begins, and the next attempt gets the runner', async () => {
    const on = pool({ size: 1 });
    const early = start('isolated.echo', { on });
    early.stop.abort(new AttemptAborted('cancelled', 'Cancelled'));
    await expect(early.result).rejects.toMatchObject({ code: 'cancelled' });
    expect(on.free()).toBe(1);
    expect(await start('isolated.echo', { on }).result).toMatchObject({ attempt: 3 });
  });

  test('a program that cannot start fails its attempts and no others', async () => {
    const on = pool({ size: 1, program: new URL('./no-such-program.ts', import.meta.url) });
    await expect(start('isolated.echo', { on }).result).rejects.toMatchObject({ code: 'handler_crashed' });
    expect(on.free()).toBe(1);
  });

  test('ends a process that does not get ready, and frees its place', async () => {
    const on = pool({
      size: 1,
      program: new URL('./testing/silent.ts', import.meta.url),
      readySeconds: 0.3,
    });
    const { result } = start('isolated.echo', { on });
    await expect(result).rejects.toMatchObject({
      code: 'handler_crashed',
      message: "The handler's process was not ready within 0.3 s",
    });
    expect(on.free()).toBe(1);
  });

  test('a runner that spins does not outlive a worker that is killed', async () => {
    const [poolModule, program] = ['./pool.ts', './testing/program.ts'].map((path) =>
      JSON.stringify(new URL(path, import.meta.url).href),
    );
    const script = `
      import { startRunners } from ${poolModule};
      const readable = new URL(${JSON.stringify(REPOSITORY.href)});
      const runners = startRunners({ program: new URL(${program}), environment: {}, readable, heapMiB: 96, size: 1, memoryMiB: 300 });
      const job = (kind) => () => ({ taskId: '', kind, payload: 'null', attempt: 1, idempotencyKey: '', deadline: new Date() });
      const never = new AbortController().signal;
      const onOutput = () => console.log('It says something');
      const run = (kind) => runners.run(job(kind), { signal: never, end: never, onOutput });
      console.log(JSON.parse(await run('isolated.echo')).pid);
      await run('isolated.spin');`;
    const worker = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: worker.stdout })[Symbol.asyncIterator]();
    const { value: pid } = await lines.next();
    await lines.next();
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    try {
      await expect.poll(() => isAlive(Number(pid))).toBe(false);
    } finally {
      if (isAlive(Number(pid))) process.kill(Number(pid), 'SIGKILL');
    }
  });

  test('stopping it ends its processes', async () => {
    const on = pool({ size: 1 });
    const { pid } = await start('isolated.echo', { on }).result;
    expect(isAlive(pid)).toBe(true);
    await on.stop();
    expect(isAlive(pid)).toBe(false);
  });
});
