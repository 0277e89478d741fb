import { isLosslessNumber, stringify } from 'lossless-json';
import { compareDecimals, plainDecimal } from '../decimal.ts';
import { type Fault, type FaultCode, shortened } from '../faults.ts';
import type { Pair, Reading } from '../price.ts';
import type { Answer } from './ask-provider.ts';

/** Real prices are within these bounds in every currency: the dearest asset in the cheapest currency costs about 10^14. */
const SMALLEST_PRICE = plainDecimal('1e-30') ?? '';
const LARGEST_PRICE = plainDecimal('1e18') ?? '';
/** Percent per day. A price cannot fall by more than 100 %. */
const SMALLEST_CHANGE = '-100';
const LARGEST_CHANGE = plainDecimal('1e9') ?? '';

/** The times that a price may have. */
export type TimeBounds = {
  /** An older price is stored with the fault `old`. */
  freshFrom: Date;
  /** A later time cannot be true. */
  latest: Date;
};

/** Reads the pairs from an answer. A pair gets a reading, or faults, or both when its reading has a flaw. */
export function readAnswer(
  answer: Answer,
  pairs: readonly Pair[],
  bounds: TimeBounds,
): { readings: Reading[]; faults: Fault[] } {
  const readings: Reading[] = [];
  const faults: Fault[] = [];
  for (const pair of pairs) {
    const report = (fault: FaultCode, quote?: unknown) => faults.push({ ...pair, fault, ...quoted(quote) });
    const reading = readPair(answer, pair, { bounds, report });
    if (reading) readings.push(reading);
  }
  return { readings, faults };
}

type Report = (fault: FaultCode, quote?: unknown) => void;

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
  // Whole seconds since 1970 have ten digits until the year 2286. Zero and similar values mean that the time is unknown.
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

/** Returns true for a JSON object. A `LosslessNumber` is an object in JavaScript, but not in JSON. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value);
}

/** Reads own members only: an asset may be called `constructor`. */
function member(of: object, name: string): unknown {
  return Object.hasOwn(of, name) ? (of as Record<string, unknown>)[name] : undefined;
}

function quoted(quote: unknown): { said?: string } {
  return quote === undefined ? {} : { said: shortened(stringify(quote) ?? '') };
}
