import type { Pair } from './price.ts';

/**
 * Faults that the price of one pair can have in one tick, with their names in the trace. When `costs` is `'row'`, nothing
 * is stored for the pair. A tick with such a fault is `partial`, unless the fault is `expected` to last for ever.
 */
export const FAULTS = {
  unknown_asset: {
    costs: 'row',
    expected: true,
    meaning: 'never had a price, and the provider does not name it',
  },
  absent: { costs: 'row', expected: false, meaning: 'had prices before, but is not in the answer' },
  no_price: {
    costs: 'row',
    expected: false,
    meaning: 'the asset is there, its price in this currency is not',
  },
  wrong_type: { costs: 'row', expected: false, meaning: 'not the type that the provider documents' },
  not_positive: { costs: 'row', expected: false, meaning: 'zero or negative' },
  absurd: {
    costs: 'row',
    expected: false,
    meaning: 'too large, too small, or with too many digits to be a price',
  },
  no_time: { costs: 'row', expected: false, meaning: 'the provider does not say when the price was made' },
  too_new: { costs: 'row', expected: false, meaning: 'made in the future, or after the time of the bucket' },
  held: {
    costs: 'row',
    expected: false,
    meaning: 'jumped by more than half; waits for the next tick to confirm it',
  },
  no_answer: { costs: 'row', expected: false, meaning: 'the call that asked for it failed' },
  over_limit: { costs: 'row', expected: false, meaning: 'more is followed than one tick may ask for' },
  old: {
    costs: 'nothing',
    expected: true,
    meaning: 'stored, but the provider made it more than ten minutes ago',
  },
  change_ignored: {
    costs: 'change',
    expected: true,
    meaning: 'stored without its 24 h change, which made no sense',
  },
} as const satisfies Record<
  string,
  { costs: 'row' | 'change' | 'nothing'; expected: boolean; meaning: string }
>;

export type FaultCode = keyof typeof FAULTS;

/** @property said the provider's text at this place, shortened */
export type Fault = Pair & { fault: FaultCode; said?: string };

/** Shortens foreign text to a length that a trace can hold. Replaces characters that `jsonb` cannot store. */
export function shortened(text: string, length = 60): string {
  return text.slice(0, length).toWellFormed().replaceAll('\0', '\uFFFD');
}
