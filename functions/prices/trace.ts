import { FAULTS, type Fault, type FaultCode } from './faults.ts';
import { pairKey, type Reading } from './price.ts';

export type Outcome = 'stored' | 'partial' | 'failed' | 'nothing_watched';

/**
 * An attempt without a usable answer.
 *
 * @property code a code of the guarded fetch, a code of {@link STATUS_FAILURES}, `not_json` or `not_an_object`
 */
export type CallFailure = { code: string; status?: number; retry_after?: number; message?: string };

/** Bounds of the trace that one tick may write. */
const MAX_NAMED_FAULTS = 50;

const MAX_HELD = 200;

const MAX_FAILURES = 12;

/** The report of a tick in `price_fetches.detail` and in the log. Its names are snake_case, because it is read as JSON. */
export type TraceDetail = {
  calls: number;
  /** The first twelve attempts without an answer. */
  failures: CallFailure[];
  /** The number of pairs with each fault. */
  faults: Partial<Record<FaultCode, number>>;
  /** The first fifty faults. */
  pairs: { pair: string; fault: FaultCode; said?: string }[];
  /**
   * Prices that wait for confirmation, by pair, at most 200. Absent when the provider gave no answer: prices that an
   * earlier tick held back then keep waiting.
   */
  held?: Record<string, string>;
};

export function traceDetail(tick: {
  calls: number;
  failures: readonly CallFailure[];
  faults: readonly Fault[];
  held: readonly Reading[];
  answered: boolean;
}): TraceDetail {
  const faults: TraceDetail['faults'] = {};
  for (const { fault } of tick.faults) faults[fault] = (faults[fault] ?? 0) + 1;
  const held = tick.held.slice(0, MAX_HELD).map((reading) => [pairKey(reading), reading.price]);
  return {
    calls: tick.calls,
    failures: tick.failures.slice(0, MAX_FAILURES),
    faults,
    pairs: tick.faults.slice(0, MAX_NAMED_FAULTS).map(({ asset, currency, ...rest }) => ({
      pair: pairKey({ asset, currency }),
      ...rest,
    })),
    ...(tick.answered && { held: Object.fromEntries(held) }),
  };
}

/** Returns `failed` when nothing could be stored, and `partial` when a price is missing that was expected. */
export function outcomeOf(readings: readonly Reading[], faults: readonly Fault[]): Outcome {
  if (readings.length === 0) return 'failed';
  const missing = faults.some(({ fault }) => FAULTS[fault].costs === 'row' && !FAULTS[fault].expected);
  return missing ? 'partial' : 'stored';
}
