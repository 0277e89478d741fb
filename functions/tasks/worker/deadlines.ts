import { AttemptAborted } from '../attempt-aborted.ts';
import { RetryError } from '../define-task.ts';

/** How long a handler gets to stop by itself after it was interrupted. */
const GRACE_SECONDS = 10;

/** How an attempt is told to stop, and when it is stopped. */
export type AttemptClock = {
  /** The handler's signal: the soft limit, or an interrupt. Its reason is an AttemptAborted. */
  readonly signal: AbortSignal;
  /** The hard limit, or a handler that went on after an interrupt. Its reason is the attempt's error. */
  readonly end: AbortSignal;
  /** Lets the limits count from now on. @returns when the soft one is reached */
  start: () => Date;
  stop: () => void;
};

/**
 * The limits of one attempt.
 *
 * @param interrupt aborted when a cancel was requested or the lease was lost
 */
export function attemptClock(
  { softSeconds, hardSeconds }: { softSeconds: number; hardSeconds: number },
  interrupt: AbortSignal,
  graceSeconds = GRACE_SECONDS,
): AttemptClock {
  const stop = new AbortController();
  const end = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  const after = (seconds: number, act: () => void) => void timers.push(setTimeout(act, seconds * 1000));
  const interrupted = (): void => {
    stop.abort(interrupt.reason);
    after(graceSeconds, () => end.abort(interrupt.reason));
  };
  if (interrupt.aborted) interrupted();
  else interrupt.addEventListener('abort', interrupted, { once: true });
  return {
    signal: stop.signal,
    end: end.signal,
    start() {
      const soft = `Task timed out after ${softSeconds} s`;
      const hard = `Task was stopped at its hard limit of ${hardSeconds} s`;
      after(softSeconds, () => stop.abort(new AttemptAborted('soft_limit_exceeded', soft)));
      after(hardSeconds, () => end.abort(new RetryError('hard_limit_exceeded', hard)));
      return new Date(Date.now() + softSeconds * 1000);
    },
    stop() {
      for (const timer of timers) clearTimeout(timer);
      interrupt.removeEventListener('abort', interrupted);
    },
  };
}
