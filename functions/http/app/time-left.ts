import type { Context } from 'hono';
import type { AppEnv } from './app.ts';

/** Seconds that a request may go on with work that can be continued by another one. */
const WORK_SECONDS = 20;

/** Seconds kept back for the answer. */
const RESERVE_SECONDS = 5;

/** How many seconds a request has left for work that can be continued: of its function's time, and of its client's patience. */
export function timeLeft(c: Context<AppEnv>): () => number {
  const begun = performance.now();
  return () => {
    const patience = WORK_SECONDS - (performance.now() - begun) / 1000;
    const milliseconds = c.env?.lambdaContext?.getRemainingTimeInMillis?.();
    return milliseconds === undefined ? patience : Math.min(patience, milliseconds / 1000 - RESERVE_SECONDS);
  };
}
