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
  /** Kept from one tick to the next. */
  round: Round;
};

/** The lane with held tasks that was last looked into: the next look begins after it, or else some would never be. */
export type Round = { lane: store.Lane | null };

/** The statements that a tick runs. */
export type TickStatements = Pick<
  typeof store,
  'rescue' | 'release' | 'heldLanes' | 'releaseHeld' | 'takeForDispatch' | 'dispatchAgain'
>;

/** Rows that one statement takes. */
const CHUNK = 1_000;

/** A tick stops taking more when so little of its time is left; the next one goes on. */
const RESERVE_SECONDS = 10;

/** Messages that are handed over together, in time for the transaction: the client's requests for them go side by side. */
const HANDED_OVER = 80;

/** Of one transaction, for handing over more: the database ends one that sits idle for 10 s, which one slow request may take most of. */
const SENDING_SECONDS = 3;

/** What a tick did. */
export type Tick = { rescued: number; sent: number; unsent: number };

/** Lanes that one tick looks into. */
const LANES = 1_000;

/**
 * One tick: takes tasks back from dead workers, tells those that wait for others how these ended, releases what is held in
 * lanes that have room, and sends a message for every task that is due within the look-ahead and has none under way. Ticks
 * may overlap, come twice, die half-way or not come at all: rows are locked and taken once, and taken for good only when
 * their messages are sent.
 */
export async function tick(
  deps: DispatchDeps,
  remainingSeconds: () => number,
  statements: TickStatements = store,
): Promise<Tick> {
  const done: Tick = { rescued: 0, sent: 0, unsent: 0 };
  const timeLeft = () => remainingSeconds() > RESERVE_SECONDS;

  /** Sends what there is time for while the rows are locked. @returns the ids whose message was not sent */
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

  /** Sends messages for the rows that `take` takes, in one transaction. @returns whether there may be more */
  const send = (take: (tx: Transaction) => Promise<{ full: boolean; due: store.Released[] }>) =>
    deps.db.begin(async (tx) => {
      const { full, due } = await take(tx);
      const unsent = await enqueue(due);
      if (unsent.length > 0) await statements.dispatchAgain(tx, unsent);
      done.sent += due.length - unsent.length;
      done.unsent += unsent.length;
      // A queue that takes nothing is left alone until the next tick.
      return full && unsent.length === 0;
    });

  /** Releases up to 1,000 held tasks for which a lane has places. @returns whether there may be more */
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
  // What it schedules is due for a message, and taken below. However many wait, half of the time is for what is due.
  const half = remainingSeconds() / 2;
  const told = await releaseDependents(deps, {
    ids: null,
    timeLeft: () => remainingSeconds() > half,
    statements,
  });
  await statements.dispatchAgain(
    deps.db,
    told.filter((task) => task.dueInSeconds <= deps.dispatch.lookaheadSeconds).map(({ id }) => id),
  );
  // At most 1,000 of each lane first. The rest of a very full lane is less urgent than other lanes, and than tasks that are due.
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

/** The lanes whose turn it is, in their order, which begins again at its end; each once. */
async function nextLanes({ db, round }: DispatchDeps, statements: TickStatements): Promise<store.Lane[]> {
  const following = await statements.heldLanes(db, LANES, round.lane);
  if (round.lane === null || following.length === LANES) return following;
  const there = new Set(following.map(nameOf));
  const first = await statements.heldLanes(db, LANES - following.length, null);
  return [...following, ...first.filter((lane) => !there.has(nameOf(lane)))];
}

const nameOf = ({ organizationId, lane }: store.Lane) => `${organizationId} ${lane}`;
