import { AsyncLocalStorage } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import type { Clock, Sandbox } from './clock.ts';
import type { Random } from './random.ts';

/** The part of the simulation that code runs in: its timers, its clock and its random numbers. */
export type Within = { clock: Clock; sandbox: Sandbox | undefined; random: Random };

const within = new AsyncLocalStorage<Within>();

/** Runs code, and everything that it starts, inside the simulation. */
export function enter<T>(where: Within, run: () => T): T {
  return within.run(where, run);
}

/** The handle that the fake functions return for a timer. */
class Timer {
  readonly cancel: { now: () => void };
  constructor(cancel: { now: () => void }) {
    this.cancel = cancel;
  }
  unref(): this {
    return this;
  }
}

/**
 * Replaces the process's time and random numbers by the simulation's, only for code inside the simulation. All other code keeps
 * the real ones. So the engine runs unchanged, and needs no clock as an argument.
 */
export function fakeTime(): { end: () => void } {
  const real = {
    ...globalThis,
    sleep: timers.setTimeout,
    now: Date.now,
    elapsed: performance.now,
    random: Math.random,
  };
  const fakes = {
    setTimeout(run: () => void, milliseconds = 0, ...rest: []) {
      const here = within.getStore();
      if (!here) return real.setTimeout(run, milliseconds, ...rest);
      return new Timer({ now: here.clock.after(whole(milliseconds), here.sandbox, run) });
    },
    setImmediate(run: () => void, ...rest: []) {
      const here = within.getStore();
      if (!here) return real.setImmediate(run, ...rest);
      return new Timer({ now: here.clock.after(0, here.sandbox, run) });
    },
    setInterval(run: () => void, milliseconds = 0, ...rest: []) {
      const here = within.getStore();
      if (!here) return real.setInterval(run, milliseconds, ...rest);
      const cancel = { now: () => {} };
      const next = () => {
        cancel.now = here.clock.after(whole(milliseconds), here.sandbox, () => {
          next();
          run();
        });
      };
      next();
      return new Timer(cancel);
    },
    clearTimeout: clearing(real.clearTimeout),
    clearInterval: clearing(real.clearInterval),
    clearImmediate: clearing(real.clearImmediate as (timer: unknown) => void),
  };
  const sleep = (milliseconds: number, value?: unknown, options?: { signal?: AbortSignal }) => {
    const here = within.getStore();
    if (!here) return real.sleep(milliseconds, value, options);
    return new Promise((resolve, reject) => {
      const { signal } = options ?? {};
      if (signal?.aborted) return reject(signal.reason);
      const cancel = here.clock.after(whole(milliseconds), here.sandbox, () => resolve(value));
      signal?.addEventListener('abort', () => {
        cancel();
        reject(signal.reason);
      });
    });
  };
  Object.assign(globalThis, fakes);
  Object.assign(timers, { setTimeout: sleep });
  syncBuiltinESMExports();
  Date.now = () => {
    const here = within.getStore();
    return here ? Math.floor(here.clock.now + (here.sandbox?.skewMilliseconds ?? 0)) : real.now();
  };
  performance.now = () => within.getStore()?.clock.now ?? real.elapsed.call(performance);
  Math.random = () => (within.getStore()?.random.next ?? real.random)();
  return {
    end() {
      const { setTimeout, setImmediate, setInterval, clearTimeout, clearInterval, clearImmediate } = real;
      Object.assign(globalThis, {
        setTimeout,
        setImmediate,
        setInterval,
        clearTimeout,
        clearInterval,
        clearImmediate,
      });
      Object.assign(timers, { setTimeout: real.sleep });
      syncBuiltinESMExports();
      Object.assign(Date, { now: real.now });
      Object.assign(performance, { now: real.elapsed });
      Object.assign(Math, { random: real.random });
    },
  };
}

/** Rounds as Node's timers do: whole milliseconds, and at least one. */
function whole(milliseconds: number): number {
  return Math.max(1, Math.trunc(milliseconds));
}

function clearing(real: (timer: never) => void) {
  return (timer: unknown) => (timer instanceof Timer ? timer.cancel.now() : real(timer as never));
}
