import type { Context } from 'hono';
import type { AppEnv } from './app.ts';

/** Seconds that a request may spend on work that another request can continue. */
const WORK_SECONDS = 20;

/** Seconds kept for the answer. */
const RESERVE_SECONDS = 5;

/**
 * Returns the seconds that a request has left for work that another request can continue. Both the function's time limit
 * and the client's patience count.
 */
export function timeLeft(c: Context<AppEnv>): () => number {
  const begun = performance.now();
  return () => {
    const seconds = WORK_SECONDS - (performance.now() - begun) / 1000;
    const milliseconds = c.env?.lambdaContext?.getRemainingTimeInMillis?.();
    return milliseconds === undefined ? seconds : Math.min(seconds, milliseconds / 1000 - RESERVE_SECONDS);
  };
}
