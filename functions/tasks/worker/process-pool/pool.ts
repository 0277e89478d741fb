import { memoryOf } from './memory.ts';
import type { Job } from './protocol.ts';
import { type AttemptSignals, memoryExceeded, type Runner, type RunnerSpec, startRunner } from './runner.ts';
import { isNotLoaded } from './thrown.ts';

export type RunnersSpec = RunnerSpec & {
  /** Attempts that run side by side. */
  size: number;
  /** Memory of a runner's whole process, buffers included. A runner that exceeds it is killed. */
  memoryMiB: number;
};

/** The processes in which isolated attempts run. They start when first needed, and are kept. */
export type Runners = {
  /** Number of attempts that may start now. While attempts are short, it includes some that would wait for another attempt. */
  free: () => number;
  /** Resolves when the next attempt has left its runner. */
  released: () => Promise<void>;
  /**
   * Runs an attempt, after waiting for a free runner if there is none.
   *
   * @param job called when the handler begins: its limits count from here
   * @returns the result as JSON text
   * @throws the handler's error; RetryError `handler_crashed` or `memory_exceeded` when the process died; the reason of `signal`
   *   when it aborts before the beginning, and of `end` when it aborts
   */
  run: (job: () => Job, hearing: AttemptSignals) => Promise<string>;
  /** Kills all processes. */
  stop: () => Promise<void>;
};

/**
 * After `inARow` short attempts in a row, each runner accepts `ahead` more, so that a statement claims and settles several. Each
 * of them waits a fraction of a second. No attempt is accepted to wait behind one that may be long.
 */
const SHORT = { inARow: 8, milliseconds: 100, ahead: 4 };

/** Milliseconds between two looks at the memory of working runners. */
const LOOK_MILLISECONDS = 100;

export function startRunners({ size, memoryMiB, ...spec }: RunnersSpec): Runners {
  const all = new Set<Runner>();
  const idle: Runner[] = [];
  const waiting: (() => void)[] = [];
  /** Number of taken places, by runners that work or are about to. */
  let taken = 0;
  let release = Promise.withResolvers<void>();
  let shortInARow = 0;

  const idleOne = (): Runner | undefined => {
    let runner = idle.pop();
    while (runner && !runner.usable()) runner = idle.pop();
    runner?.hold();
    return runner;
  };
  const rest = (runner: Runner): void => {
    runner.letGo();
    idle.push(runner);
  };
  const start = (): Runner => {
    const runner = startRunner(spec);
    all.add(runner);
    void runner.gone.then(() => all.delete(runner));
    return runner;
  };

  /** Waits for a place. The caller must give the place back. */
  const place = async (signal: AbortSignal): Promise<void> => {
    if (taken < size) {
      taken += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const next = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.splice(waiting.indexOf(next), 1);
        reject(signal.reason);
      };
      waiting.push(next);
      signal.addEventListener('abort', leave, { once: true });
    });
  };
  const giveBack = (): void => {
    const next = waiting.shift();
    if (next) next();
    else taken -= 1;
    release.resolve();
    release = Promise.withResolvers<void>();
  };

  /** Kills a runner whose process grows too large while it works. */
  const watchMemory = (runner: Runner): NodeJS.Timeout =>
    setInterval(() => {
      if (memoryOf(runner.pid) > memoryMiB) runner.kill(memoryExceeded(memoryMiB));
    }, LOOK_MILLISECONDS);

  return {
    free() {
      const ahead = shortInARow >= SHORT.inARow ? size * SHORT.ahead : 0;
      return Math.max(0, size - taken + ahead - waiting.length);
    },
    released: () => release.promise,
    async run(job, hearing) {
      const { signal } = hearing;
      signal.throwIfAborted();
      await place(signal);
      let watch: NodeJS.Timeout | undefined;
      try {
        const runner = idleOne() ?? start();
        await runner.ready;
        if (signal.aborted) {
          rest(runner);
          throw signal.reason;
        }
        watch = watchMemory(runner);
        const startedAt = performance.now();
        try {
          return await runner.run(job(), hearing);
        } catch (error) {
          // Node remembers that a module could not be loaded. The next attempt needs another process.
          if (isNotLoaded(error)) runner.kill(error);
          throw error;
        } finally {
          shortInARow = performance.now() - startedAt < SHORT.milliseconds ? shortInARow + 1 : 0;
          // A process that has kept much memory would make the next attempt fail.
          if (memoryOf(runner.pid) > memoryMiB / 2) runner.kill(memoryExceeded(memoryMiB));
          else if (runner.usable()) rest(runner);
        }
      } finally {
        clearInterval(watch);
        giveBack();
      }
    },
    async stop() {
      for (const runner of all) runner.kill(new Error('The worker ends'));
      await Promise.all([...all].map(({ gone }) => gone));
    },
  };
}
