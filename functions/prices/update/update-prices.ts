import type { Database } from '../../database/connect.ts';
import type { Fault } from '../faults.ts';
import { bucketOf, INTERVAL_SECONDS, pairKey, type Reading, STALE_AFTER_SECONDS } from '../price.ts';
import * as store from '../store.ts';
import { type CallFailure, type Outcome, outcomeOf, type TraceDetail, traceDetail } from '../trace.ts';
import { type AskDeps, askProvider } from './ask-provider.ts';
import { isPlausible } from './plausibility.ts';
import { priceCalls } from './price-urls.ts';
import { readAnswer, type TimeBounds } from './read-answer.ts';

/**
 * Tolerated difference between our clock, the database's clock and the provider's clock, the duration of the calls
 * included.
 */
const TOLERANCE_SECONDS = 120;

export type UpdateDeps = AskDeps & {
  db: Database;
  baseUrl: string;
  log(level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>): void;
};

/** @property repeated true when the event came before and its tick needs no further work */
export type Tick = { bucket: Date; outcome: Outcome; stored: number; repeated: boolean };

/**
 * Runs one tick: asks the provider for all followed pairs, and stores the plausible prices. Takes two statements and, for
 * watchlists of ordinary size, one call. A tick that fails writes its trace and throws nothing: the next tick is the
 * retry. A repeated event asks the provider again only if its tick has failed.
 *
 * @param eventTime     time of the scheduled event; decides the bucket
 * @param budgetSeconds seconds for all calls together
 * @throws RangeError for an event from the future: its bucket would hide the true prices until that time
 */
export async function updatePrices(deps: UpdateDeps, eventTime: Date, budgetSeconds: number): Promise<Tick> {
  const bucket = bucketOf(eventTime);
  const plan = await store.plan(deps.db, bucket);
  if (bucket.getTime() > plan.now.getTime() + TOLERANCE_SECONDS * 1000) {
    throw new RangeError(`The event is from the future: ${eventTime.toISOString()}`);
  }
  if (plan.outcome !== null && plan.outcome !== 'failed') {
    deps.log('info', 'price tick repeated', { bucket, outcome: plan.outcome });
    return { bucket, outcome: plan.outcome, stored: 0, repeated: true };
  }
  const tick = await collect(deps, plan, { bounds: timeBounds(bucket, plan.now), budgetSeconds });
  const stored = await store.record(deps.db, { bucket, ...tick });
  const { outcome, attempts, detail } = tick;
  deps.log(LEVELS[outcome], 'price tick', { bucket, outcome, stored, attempts, ...detail });
  return { bucket, outcome, stored, repeated: false };
}

const LEVELS = { stored: 'info', nothing_watched: 'info', partial: 'warn', failed: 'error' } as const;

/**
 * Returns the bounds of a price's time. The latest time is the bucket's second next tick, however late the event comes,
 * but not the future, apart from the tolerance of clocks.
 */
function timeBounds(bucket: Date, now: Date): TimeBounds {
  const latest = Math.min(
    bucket.getTime() + 2 * INTERVAL_SECONDS * 1000,
    now.getTime() + TOLERANCE_SECONDS * 1000,
  );
  return { freshFrom: new Date(now.getTime() - STALE_AFTER_SECONDS * 1000), latest: new Date(latest) };
}

type Collected = { outcome: Outcome; readings: Reading[]; attempts: number; detail: TraceDetail };

async function collect(
  deps: UpdateDeps,
  plan: store.Plan,
  { bounds, budgetSeconds }: { bounds: TimeBounds; budgetSeconds: number },
): Promise<Collected> {
  const end = deps.clock.elapsed() + budgetSeconds;
  const { calls, left } = priceCalls(deps.baseUrl, plan.followed);
  const readings: Reading[] = [];
  const faults: Fault[] = left.map((pair) => ({ ...pair, fault: 'over_limit' }));
  const failures: CallFailure[] = [];
  let attempts = 0;
  let answered = false;
  for (const [index, { url, pairs }] of calls.entries()) {
    const asked = await askProvider(deps, url, end - deps.clock.elapsed());
    attempts += asked.attempts;
    failures.push(...asked.failures);
    if (asked.answer === undefined) {
      // When a call gets no answer, the remaining calls are not made, to spare a provider in trouble. Their pairs get the
      // same fault.
      const unasked = calls.slice(index).flatMap((call) => call.pairs);
      faults.push(...unasked.map((pair): Fault => ({ ...pair, fault: 'no_answer' })));
      break;
    }
    answered = true;
    const read = readAnswer(asked.answer, pairs, bounds);
    readings.push(...read.readings);
    faults.push(...read.faults);
  }
  const { plausible, held } = sift(readings, plan);
  faults.push(
    ...held.map(({ asset, currency, price }): Fault => ({ asset, currency, fault: 'held', said: price })),
  );
  const known = faults.map((fault) => distinguish(fault, plan));
  return {
    outcome: plan.followed.length === 0 ? 'nothing_watched' : outcomeOf(plausible, known),
    readings: plausible,
    attempts,
    detail: traceDetail({ calls: calls.length, failures, faults: known, held, answered }),
  };
}

function sift(readings: readonly Reading[], plan: store.Plan): { plausible: Reading[]; held: Reading[] } {
  const { plausible = [], held = [] } = Object.groupBy(readings, (reading) => {
    const key = pairKey(reading);
    return isPlausible(reading.price, plan.last.get(key), plan.held.get(key)) ? 'plausible' : 'held';
  });
  return { plausible, held };
}

/** Marks an asset that never had a price as unknown. Its id is probably mistyped, which must not make the tick partial. */
function distinguish(fault: Fault, { last }: store.Plan): Fault {
  return fault.fault === 'absent' && !last.has(pairKey(fault)) ? { ...fault, fault: 'unknown_asset' } : fault;
}
