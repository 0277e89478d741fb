import { Clock, type Sandbox } from './clock.ts';
import { enter } from './fake-time.ts';
import { CALM, type Faults, someFaults } from './faults.ts';
import { type Random, randomOf } from './random.ts';

/** The world of the functions: one clock, one source of random numbers, and the faults. */
export type World = {
  readonly clock: Clock;
  readonly random: Random;
  /** The faults at this time: none after the storm. */
  faults(): Faults;
  /** Time in milliseconds after which there are no more faults. */
  readonly calmAt: number;
  /** Starts a sandbox. */
  start(invocation: Invocation): void;
  kill(sandbox: Sandbox): void;
  /** Calls `call` as soon as the sandbox has ended. */
  whenEnded(sandbox: Sandbox, call: () => void): void;
  /**
   * Sends a request of a sandbox to the database or the queue. It takes time, may never arrive, and its answer may be lost. The
   * sandbox may die at each request.
   *
   * @param effect throws `WAITS` as long as it cannot happen yet
   */
  request<T>(sandbox: Sandbox, effect: () => T): Promise<T>;
  /** Runs events until `over` returns true or there are no more events. */
  run(over: () => boolean): Promise<void>;
};

/** Work of a function in a sandbox of its own. */
export type Invocation = {
  name: string;
  limitSeconds: number;
  work: (sandbox: Sandbox) => Promise<void>;
  /** Called when the sandbox ends, for whatever reason. */
  onEnd?: () => void;
};

/** Thrown by an effect that waits for another transaction's lock. */
export const WAITS = Symbol('waits');

/** Resolves when everything that needs no time to pass has run. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

export function worldOf(seed: number, calmAt: number): World {
  const clock = new Clock();
  const random = randomOf(seed);
  const stormy = someFaults(random);
  const ends = new WeakMap<Sandbox, (() => void)[]>();
  const faults = () => (clock.now < calmAt ? stormy : CALM);
  const latency = () =>
    random.chance(faults().slow) ? random.between(100, 20_000) : random.between(0.1, 10);

  const world: World = {
    clock,
    random,
    faults,
    calmAt,
    start({ name, limitSeconds, work, onEnd = () => {} }) {
      const skewMilliseconds = random.between(-600_000, 600_000);
      const sandbox: Sandbox = { name, skewMilliseconds, alive: true, frozenUntil: 0 };
      ends.set(sandbox, [onEnd]);
      const end = () => world.kill(sandbox);
      clock.after(limitSeconds * 1000, undefined, end);
      if (random.chance(faults().frozen)) {
        clock.after(random.between(0, 5_000), sandbox, () => {
          sandbox.frozenUntil = clock.now + random.between(1_000, 300_000);
        });
      }
      enter({ clock, sandbox, random }, () => work(sandbox).then(end, end));
    },
    kill(sandbox) {
      if (!sandbox.alive) return;
      sandbox.alive = false;
      for (const call of ends.get(sandbox) ?? []) call();
    },
    whenEnded(sandbox, call) {
      if (sandbox.alive) ends.get(sandbox)?.push(call);
      else call();
    },
    request<T>(sandbox: Sandbox, effect: () => T) {
      return new Promise<T>((resolve, reject) => {
        if (!sandbox.alive) return;
        if (random.chance(faults().crashBefore)) {
          clock.after(0, sandbox, () => world.kill(sandbox));
          return;
        }
        const gone = () => reject(new Error('The connection is gone'));
        // A request under way has no owner: it arrives even if its sender has died meanwhile.
        const arrive = () => {
          let answer: T;
          try {
            answer = effect();
          } catch (error) {
            if (error === WAITS) clock.after(5, undefined, arrive);
            else clock.after(latency(), sandbox, () => reject(error));
            return;
          }
          const lost = random.chance(faults().answerLost);
          clock.after(latency(), sandbox, () => {
            if (random.chance(faults().crashAfter)) world.kill(sandbox);
            else if (lost) gone();
            else resolve(answer);
          });
        };
        const refused = random.chance(faults().refused);
        clock.after(latency(), undefined, () => (refused ? clock.after(0, sandbox, gone) : arrive()));
      });
    },
    async run(over) {
      for (;;) {
        await settled();
        if (over()) return;
        if (!clock.step((sandbox, happen) => enter({ clock, sandbox, random }, happen))) return;
      }
    },
  };
  return world;
}
