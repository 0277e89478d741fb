import type { Database } from '../database/connect.ts';
import type { Announce } from './change.ts';
import * as store from './store.ts';
import type { DispatchSettings, Enqueue } from './task.ts';
import { wakeUps } from './wake-ups.ts';

export type DispatchDeps = { db: Database; enqueue: Enqueue; announce: Announce; dispatch: DispatchSettings };

/** Rows that one statement takes. */
const CHUNK = 1_000;

/** A tick stops taking more when so little of its time is left; the next one goes on. */
const RESERVE_SECONDS = 10;

/** What a tick did. */
export type Tick = { rescued: number; sent: number; unsent: number };

/**
 * One tick: takes tasks back from dead workers, then sends a message for every task that is due within the look-ahead
 * and has none under way. Ticks may overlap, come twice or not at all: rows are locked and taken once.
 */
export async function tick(deps: DispatchDeps, remainingSeconds: () => number): Promise<Tick> {
  const done: Tick = { rescued: 0, sent: 0, unsent: 0 };
  const timeLeft = () => remainingSeconds() > RESERVE_SECONDS;
  for (let more = true; more && timeLeft(); ) {
    const rescued = await store.rescue(deps.db, null, CHUNK);
    deps.announce(rescued);
    done.rescued += rescued.length;
    more = rescued.length === CHUNK;
  }
  for (let more = true; more && timeLeft(); ) {
    const due = await store.takeForDispatch(deps.db, CHUNK, deps.dispatch.resendSeconds);
    const unsent = due.length > 0 ? await deps.enqueue(wakeUps(due)) : [];
    if (unsent.length > 0) await store.dispatchAgain(deps.db, unsent);
    done.sent += due.length - unsent.length;
    done.unsent += unsent.length;
    // A queue that takes nothing is left alone until the next tick.
    more = due.length === CHUNK && unsent.length === 0;
  }
  return done;
}
