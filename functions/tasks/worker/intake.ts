import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from './run-attempt.ts';

/** A message that an invocation has received itself, beside those that it was invoked with. */
export type Received = {
  ids: readonly string[];
  /** Deletes the message: nothing is left to do for it. Never rejects. */
  remove: () => Promise<void>;
};

/** Receives messages of the queue that the invocation was invoked for. Waits for the first, for a second or two. */
export type Receive = () => Promise<readonly Received[]>;

export type Intake = {
  /** Receives what there is, unless it does already. */
  begin: () => void;
  /** Resolves when the receiving that is under way has come to an end; undefined when none is under way. */
  underWay: () => Promise<void> | undefined;
  /** Takes the ids that have arrived. */
  take: () => string[];
  /** Says that there is nothing left to do for a task. When that is so for all tasks of a message, it is deleted. */
  finished: (id: string) => void;
  /** Resolves when what was finished is deleted. Never rejects. */
  end: () => Promise<void>;
};

/** After a failure to receive. */
const PAUSE_SECONDS = 1;

/** An invocation that ends sooner takes nothing in: most tasks wait for nobody, and need no further request to SQS. */
const OPENS_AFTER_MILLISECONDS = 50;

/**
 * An invocation takes nothing in when so little of its time is left: its last attempts must end. Each invocation closes at a
 * time of its own, so that workers that began together do not close together.
 */
const CLOSES_SECONDS = { from: 120, to: 420 };

/**
 * The time in which an invocation may take messages in.
 *
 * @param now milliseconds of a clock that nobody sets
 * @returns `opensIn`: milliseconds until then; undefined when the time is over
 */
export function intakeWindow(remainingSeconds: () => number, now: () => number = () => performance.now()) {
  const opensAt = now() + OPENS_AFTER_MILLISECONDS;
  const closesSeconds = CLOSES_SECONDS.from + Math.random() * (CLOSES_SECONDS.to - CLOSES_SECONDS.from);
  return {
    opensIn: (): number | undefined =>
      remainingSeconds() < closesSeconds ? undefined : Math.max(0, opensAt - now()),
  };
}

type Open = Received & { left: Set<string> };

/**
 * Takes further messages in while an invocation only waits for the network: a click must not wait until the slowest server of
 * somebody else has answered.
 *
 * A message stays in the queue's hands until its tasks are settled, as those of an ordinary invocation: SQS's fair queues see who has
 * much in flight. When the invocation dies, its rows are taken back by the dispatcher.
 */
export function intake(receive: Receive, log: Log): Intake {
  const arrived: string[] = [];
  const open = new Map<string, Open[]>();
  const removing = new Set<Promise<void>>();
  let underWay: Promise<void> | undefined;

  const add = (message: Received): void => {
    const left = new Set(message.ids);
    for (const id of left) open.set(id, [...(open.get(id) ?? []), { ...message, left }]);
    arrived.push(...left);
  };
  const once = async (): Promise<void> => {
    try {
      for (const message of await receive()) add(message);
    } catch (error) {
      log('warn', 'no further messages could be received', { error });
      await sleep(PAUSE_SECONDS * 1000);
    } finally {
      underWay = undefined;
    }
  };
  return {
    begin() {
      underWay ??= once();
    },
    underWay: () => underWay,
    take: () => arrived.splice(0),
    finished(id) {
      for (const message of open.get(id) ?? []) {
        message.left.delete(id);
        if (message.left.size > 0) continue;
        const removal = message.remove().then(() => void removing.delete(removal));
        removing.add(removal);
      }
      open.delete(id);
    },
    async end() {
      await underWay;
      await Promise.all(removing);
    },
  };
}

/** The intake of an invocation that takes nothing in. */
export const NO_INTAKE: Intake = {
  begin: () => {},
  underWay: () => undefined,
  take: () => [],
  finished: () => {},
  end: async () => {},
};
