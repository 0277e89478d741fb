import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from './run-attempt.ts';

/** A message that an invocation has received itself, in addition to the messages of its event. */
export type Received = {
  ids: readonly string[];
  /** Deletes the message, when nothing is left to do for it. Never rejects. */
  remove: () => Promise<void>;
};

/** Receives messages of the invocation's queue. Waits up to a second or two for the first message. */
export type Receive = () => Promise<readonly Received[]>;

export type Intake = {
  /** Begins to receive, unless it already receives. */
  begin: () => void;
  /** Resolves when the present receive call has ended; undefined when there is none. */
  underWay: () => Promise<void> | undefined;
  /** Takes the ids that have arrived. */
  take: () => string[];
  /** Marks a task as finished. When all tasks of a message are finished, the message is deleted. */
  finished: (id: string) => void;
  /** Resolves when all finished messages are deleted. Never rejects. */
  end: () => Promise<void>;
};

/** Pause after a failed receive call. */
const PAUSE_SECONDS = 1;

/** Time before an invocation receives further messages. Most invocations end sooner, and need no further request to SQS. */
const OPENS_AFTER_MILLISECONDS = 50;

/**
 * An invocation receives no more messages when less than this of its time is left, because its last attempts must end. Each
 * invocation chooses a random value in this range, so that workers that began together do not close together.
 */
const CLOSES_SECONDS = { from: 120, to: 420 };

/**
 * Returns the time window in which an invocation may receive further messages.
 *
 * @param now milliseconds of a monotonic clock
 * @returns `opensIn`: milliseconds until the window opens; undefined when the window is over
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
 * Receives further messages while an invocation only waits for the network. So a click does not wait until somebody else's
 * slowest server has answered.
 *
 * A message stays in flight until its tasks are settled, like the messages of the event: SQS's fair queues see which organization
 * has much in flight. When the invocation dies, the dispatcher takes its rows back.
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

/** The intake of an invocation that receives no further messages. */
export const NO_INTAKE: Intake = {
  begin: () => {},
  underWay: () => undefined,
  take: () => [],
  finished: () => {},
  end: async () => {},
};
