import { AttemptAborted } from '../attempt-aborted.ts';
import { RetryError } from '../define-task.ts';

/** Seconds that a handler has to stop by itself after an interrupt. */
const GRACE_SECONDS = 10;

/** Signals that ask an attempt to stop, and that end it. */
export type AttemptClock = {
  /** The handler's signal. It aborts at the soft limit, or on an interrupt. Its reason is an AttemptAborted. */
  readonly signal: AbortSignal;
  /** Aborts at the hard limit, or when a handler goes on after an interrupt. Its reason is the attempt's error. */
  readonly end: AbortSignal;
  /** Starts the limits. @returns the time of the soft limit */
  start: () => Date;
  stop: () => void;
};

/**
 * Makes the clock of one attempt from its limits.
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
