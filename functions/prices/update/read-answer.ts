import { isLosslessNumber, stringify } from 'lossless-json';
import { compareDecimals, plainDecimal } from '../decimal.ts';
import { type Fault, type FaultCode, shortened } from '../faults.ts';
import type { Pair, Reading } from '../price.ts';
import type { Answer } from './ask-provider.ts';

/** Beyond these no price is real, in any currency: the dearest asset in the cheapest money is some 10^14. */
const SMALLEST_PRICE = plainDecimal('1e-30') ?? '';
const LARGEST_PRICE = plainDecimal('1e18') ?? '';
/** Percent in a day. A price cannot fall by more than all of it. */
const SMALLEST_CHANGE = '-100';
const LARGEST_CHANGE = plainDecimal('1e9') ?? '';

/** The times that a price may be of. */
export type TimeBounds = {
  /** A price made earlier is stored, with the fault `old`. */
  freshFrom: Date;
  /** A price made later cannot be true. */
  latest: Date;
};

/** What the answer says about the pairs: a reading, faults, or (for a reading with a flaw) both. */
export function readAnswer(
  answer: Answer,
  pairs: readonly Pair[],
  bounds: TimeBounds,
): { readings: Reading[]; faults: Fault[] } {
  const readings: Reading[] = [];
  const faults: Fault[] = [];
  for (const pair of pairs) {
    const report = (fault: FaultCode, said?: unknown) => faults.push({ ...pair, fault, ...quoted(said) });
    const reading = readPair(answer, pair, { bounds, report });
    if (reading) readings.push(reading);
  }
  return { readings, faults };
}

type Report = (fault: FaultCode, said?: unknown) => void;

function readPair(
  answer: Answer,
  pair: Pair,
  { bounds, report }: { bounds: TimeBounds; report: Report },
): Reading | undefined {
  const entry = member(answer, pair.asset);
  if (entry === undefined) return void report('absent');
  if (!isObject(entry)) return void report('wrong_type', entry);
  const price = readPrice(member(entry, pair.currency), report);
  const updatedAt = readTime(member(entry, 'last_updated_at'), bounds, report);
  if (price === undefined || updatedAt === undefined) return undefined;
  const change24h = readChange(member(entry, `${pair.currency}_24h_change`), report);
  return { asset: pair.asset, currency: pair.currency, price, change24h, updatedAt };
}

function readPrice(value: unknown, report: Report): string | undefined {
  if (value === undefined || value === null) return void report('no_price', value);
  if (!isLosslessNumber(value)) return void report('wrong_type', value);
  const price = plainDecimal(value.value);
  if (price === undefined) return void report('absurd', value);
  if (compareDecimals(price, '0') <= 0) return void report('not_positive', value);
  const real = compareDecimals(price, SMALLEST_PRICE) >= 0 && compareDecimals(price, LARGEST_PRICE) < 0;
  return real ? price : void report('absurd', value);
}

function readTime(value: unknown, { freshFrom, latest }: TimeBounds, report: Report): Date | undefined {
  if (value === undefined || value === null) return void report('no_time', value);
  // Whole seconds since 1970, ten digits until the year 2286; zero and its like mean that nobody knows.
  if (!isLosslessNumber(value) || !/^[1-9]\d{8,9}$/.test(value.value)) return void report('no_time', value);
  const time = new Date(Number(value.value) * 1000);
  if (time > latest) return void report('too_new', value);
  if (time < freshFrom) report('old', value);
  return time;
}

function readChange(value: unknown, report: Report): string | null {
  if (value === undefined || value === null) return null;
  const change = isLosslessNumber(value) ? plainDecimal(value.value) : undefined;
  if (
    change !== undefined &&
    compareDecimals(change, SMALLEST_CHANGE) >= 0 &&
    compareDecimals(change, LARGEST_CHANGE) < 0
  ) {
    return change;
  }
  report('change_ignored', value);
  return null;
}

/** A JSON object; `LosslessNumber` is an object of JavaScript only. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
}

/** Own members only: an asset may be called `constructor`. */
function member(of: object, name: string): unknown {
  return Object.hasOwn(of, name) ? (of as Record<string, unknown>)[name] : undefined;
}

function quoted(said: unknown): { said?: string } {
  return said === undefined ? {} : { said: shortened(stringify(said) ?? '') };
}
