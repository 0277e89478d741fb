import { FAULTS, type Fault, type FaultCode } from './faults.ts';
import { pairKey, type Reading } from './price.ts';

export type Outcome = 'stored' | 'partial' | 'failed' | 'nothing_watched';

/**
 * An attempt without an answer that can be used.
 *
 * @property code one of the guarded fetch's, one of {@link STATUS_FAILURES}, `not_json` or `not_an_object`
 */
export type CallFailure = { code: string; status?: number; retry_after?: number; message?: string };

/** Bounds of what one tick may write about itself. */
const MAX_NAMED_FAULTS = 50;

const MAX_HELD = 200;

const MAX_FAILURES = 12;

/** What a tick says about itself in `price_fetches.detail` and in the log; snake_case, as it is read as JSON. */
export type TraceDetail = {
  calls: number;
  /** Of the attempts that brought no answer, the first twelve. */
  failures: CallFailure[];
  /** How many pairs had each fault. */
  faults: Partial<Record<FaultCode, number>>;
  /** The first fifty of them. */
  pairs: { pair: string; fault: FaultCode; said?: string }[];
  /**
   * Prices that wait for confirmation, by pair, at most 200. Absent when the provider gave no answer: then those of an
   * earlier tick still wait.
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

/** `failed` when nothing could be stored; `partial` when something that should have been was not. */
export function outcomeOf(readings: readonly Reading[], faults: readonly Fault[]): Outcome {
  if (readings.length === 0) return 'failed';
  const missing = faults.some(({ fault }) => FAULTS[fault].costs === 'row' && !FAULTS[fault].expected);
  return missing ? 'partial' : 'stored';
}
