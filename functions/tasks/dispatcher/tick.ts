import type { Database, Transaction } from '../../database/connect.ts';
import type { Announce } from '../commands/change.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Enqueue } from '../task.ts';
import { wakeUps } from '../wake-ups.ts';
import { releaseDependents } from './dependents.ts';

export type DispatchDeps = {
  db: Database;
  enqueue: Enqueue;
  announce: Announce;
  dispatch: DispatchSettings;
  /** State that is kept from one tick to the next. */
  round: Round;
};

/** The lane with held tasks at which the last tick stopped. The next tick begins after it, so that every lane gets its turn. */
export type Round = { lane: store.Lane | null };

/** The statements that a tick runs. */
export type TickStatements = Pick<
  typeof store,
  'rescue' | 'release' | 'heldLanes' | 'releaseHeld' | 'takeForDispatch' | 'dispatchAgain'
>;

/** Rows that one statement takes. */
const CHUNK = 1_000;

/** A tick takes no more rows when less than this of its time is left. The next tick goes on. */
const RESERVE_SECONDS = 10;

/** Messages that are sent together. The client sends its requests for them in parallel, well within the transaction's time. */
const HANDED_OVER = 80;

/**
 * Seconds of one transaction in which further messages may be sent. The database ends a transaction that is idle for 10 s, and
 * one slow request may take most of these.
 */
const SENDING_SECONDS = 3;

/** Counts of a tick. */
export type Tick = { rescued: number; sent: number; unsent: number };

/** Lanes that one tick looks at. */
const LANES = 1_000;

/**
 * Runs one tick. It takes tasks back from dead workers, applies the ends of tasks to their dependents, releases held tasks in
 * lanes that have room, and sends a message for every task that is due within the look-ahead and has no message under way. Ticks
 * may overlap, come twice, die half-way or not come at all: rows are locked and taken once, and they stay taken only when their
 * messages are sent.
 */
export async function tick(
  deps: DispatchDeps,
  remainingSeconds: () => number,
  statements: TickStatements = store,
): Promise<Tick> {
  const done: Tick = { rescued: 0, sent: 0, unsent: 0 };
  const timeLeft = () => remainingSeconds() > RESERVE_SECONDS;

  /** Sends messages while the rows are locked, as far as there is time. @returns the ids whose message was not sent */
  const enqueue = async (due: readonly store.Released[]): Promise<string[]> => {
    const startedAt = remainingSeconds();
    const messages = wakeUps(due);
    const unsent: string[] = [];
    for (let at = 0; at < messages.length; at += HANDED_OVER) {
      const some = messages.slice(at, at + HANDED_OVER);
      const late = startedAt - remainingSeconds() > SENDING_SECONDS;
      unsent.push(...(late ? some.flatMap(({ ids }) => ids) : await deps.enqueue(some)));
    }
    return unsent;
  };

  /** Sends messages for the rows that `take` takes, in one transaction. @returns true when there may be more */
  const send = (take: (tx: Transaction) => Promise<{ full: boolean; due: store.Released[] }>) =>
    deps.db.begin(async (tx) => {
      const { full, due } = await take(tx);
      const unsent = await enqueue(due);
      if (unsent.length > 0) await statements.dispatchAgain(tx, unsent);
      done.sent += due.length - unsent.length;
      done.unsent += unsent.length;
      // When the queue refuses messages, stop until the next tick.
      return full && unsent.length === 0;
    });

  /** Releases up to 1,000 held tasks for which a lane has places. @returns true when there may be more */
  const fill = (lane: store.Lane) =>
    send(async (tx) => {
      const due = await statements.releaseHeld(tx, [lane], deps.dispatch);
      return { full: due.length === store.MAX_RELEASED, due };
    });

  for (let more = true; more && timeLeft(); ) {
    const rescued = await statements.rescue(deps.db, null, CHUNK);
    deps.announce(rescued);
    done.rescued += rescued.length;
    more = rescued.length === CHUNK;
  }
  // Scheduled dependents become due for a message, and are taken below. However many there are, half of the time is kept for due
  // tasks.
  const half = remainingSeconds() / 2;
  const released = await releaseDependents(deps, {
    ids: null,
    timeLeft: () => remainingSeconds() > half,
    statements,
  });
  await statements.dispatchAgain(
    deps.db,
    released.filter((task) => task.dueInSeconds <= deps.dispatch.lookaheadSeconds).map(({ id }) => id),
  );
  // Take at most 1,000 tasks of each lane first. The rest of a very full lane is less urgent than other lanes and than due tasks.
  let open: store.Lane[] = [];
  for (const lane of await nextLanes(deps, statements)) {
    if (!timeLeft()) break;
    deps.round.lane = lane;
    if (await fill(lane)) open.push(lane);
  }
  for (let more = true; more && timeLeft(); ) {
    more = await send(async (tx) => {
      const { taken, due } = await statements.takeForDispatch(tx, CHUNK, deps.dispatch.resendSeconds);
      return { full: taken === CHUNK, due };
    });
  }
  while (open.length > 0) {
    const full: store.Lane[] = [];
    for (const lane of open) if (timeLeft() && (await fill(lane))) full.push(lane);
    open = full;
  }
  return done;
}

/** Returns the next lanes in their order, starting again from the first lane after the last one. Each lane occurs once. */
async function nextLanes({ db, round }: DispatchDeps, statements: TickStatements): Promise<store.Lane[]> {
  const following = await statements.heldLanes(db, LANES, round.lane);
  if (round.lane === null || following.length === LANES) return following;
  const there = new Set(following.map(nameOf));
  const first = await statements.heldLanes(db, LANES - following.length, null);
  return [...following, ...first.filter((lane) => !there.has(nameOf(lane)))];
}

const nameOf = ({ organizationId, lane }: store.Lane) => `${organizationId} ${lane}`;
