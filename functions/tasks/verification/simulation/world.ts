import { Clock, type Sandbox } from './clock.ts';
import { enter } from './fake-time.ts';
import { CALM, type Faults, someFaults } from './faults.ts';
import { type Random, randomOf } from './random.ts';

/** Where the functions run: one clock, one chance, and what goes wrong. */
export type World = {
  readonly clock: Clock;
  readonly random: Random;
  /** What goes wrong at this time: nothing, once calm has come. */
  faults(): Faults;
  /** From then on nothing goes wrong any more; milliseconds. */
  readonly calmAt: number;
  /** Starts a sandbox, of which `onEnd` hears when it ends, whichever way. */
  start(
    name: string,
    limitSeconds: number,
    work: (sandbox: Sandbox) => Promise<void>,
    onEnd: () => void,
  ): void;
  kill(sandbox: Sandbox): void;
  /** Calls it as soon as the sandbox has ended. */
  whenEnded(sandbox: Sandbox, call: () => void): void;
  /**
   * What a sandbox asks of the database or the queue: takes its time, may never arrive, and its answer may never come
   * back. Each is an occasion to die.
   *
   * @param effect throws `WAITS` as long as it cannot happen yet
   */
  request<T>(sandbox: Sandbox, effect: () => T): Promise<T>;
  /** Lets events happen until it is over or nothing is left to happen. */
  run(over: () => boolean): Promise<void>;
};

/** Thrown by what waits for somebody else's lock. */
export const WAITS = Symbol('waits');

/** Resolves when all that can go on without time has gone on. */
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
    start(name, limitSeconds, work, onEnd) {
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
        // Under way it belongs to nobody: it arrives although its sender has died meanwhile.
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
