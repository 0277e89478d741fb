import type { Cell } from './cell.ts';

/**
 * The kind of a single cell. `code` is a text of digits that a number would change: with leading zeros, or an integer beyond
 * ±(2^53 − 1).
 */
export type CellKind = 'missing' | 'integer' | 'number' | 'boolean' | 'date' | 'datetime' | 'code' | 'string';

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const DECIMAL = /^-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const DIGITS = /^-?\d+$/;
const BOOLEAN = /^(?:true|false)$/i;
/** ISO 8601 as most programs write it, also with slashes. Other dates are ambiguous and stay text. */
const TIME =
  /^(\d{4})([-/])(\d\d)\2(\d\d)(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(\.\d{1,9})?)?(Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?$/;

/** Returns the kind of a JSON value. A string may be a date or a date and time; otherwise it is text. Blank text is missing. */
export function kindOfValue(cell: Cell): CellKind {
  if (cell === null) return 'missing';
  if (typeof cell === 'boolean') return 'boolean';
  if (typeof cell === 'number') return Number.isSafeInteger(cell) ? 'integer' : 'number';
  const text = cell.trim();
  return text === '' ? 'missing' : (timeKind(text) ?? 'string');
}

/** Returns the kind that the text of a CSV field has. Blanks around a value are ignored; text keeps them. */
export function kindOfText(cell: Cell): CellKind {
  const text = String(cell ?? '').trim();
  if (text === '') return 'missing';
  if (INTEGER.test(text)) return Number.isSafeInteger(Number(text)) ? 'integer' : 'code';
  if (DECIMAL.test(text)) return Number.isFinite(Number(text)) ? 'number' : 'string';
  if (DIGITS.test(text)) return 'code';
  if (BOOLEAN.test(text)) return 'boolean';
  return timeKind(text) ?? 'string';
}

function timeKind(text: string): 'date' | 'datetime' | undefined {
  if (Number.isNaN(instantOf(text))) return undefined;
  return text.length === 'YYYY-MM-DD'.length ? 'date' : 'datetime';
}

/**
 * Returns the instant of a text.
 *
 * @param text a date, or a date and time; without a zone, UTC is assumed
 * @returns milliseconds since 1970, with a fraction; NaN for another text, or for a day that is not in the calendar
 */
export function instantOf(text: string): number {
  // Most texts are no times. This is faster than the pattern.
  const first = text.charCodeAt(0);
  if (first < 0x30 || first > 0x39 || text.length < 'YYYY-MM-DD'.length) return Number.NaN;
  const match = TIME.exec(text);
  if (match === null) return Number.NaN;
  const [, year, , month, day, hours = '0', minutes = '0', seconds = '0', fraction = '.0', zone = 'Z'] =
    match;
  const [monthNumber, dayNumber] = [Number(month), Number(day)];
  if (monthNumber < 1 || monthNumber > 12 || dayNumber < 1) return Number.NaN;
  // `Date.UTC` reads years below 100 as of the twentieth century, and 31 February as 2 March.
  const midnight = new Date(0).setUTCFullYear(Number(year), monthNumber - 1, dayNumber);
  if (dayNumber > 28 && new Date(midnight).getUTCDate() !== dayNumber) return Number.NaN;
  const secondsOfDay = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  // The fraction last: equal moments in different zones are equal numbers.
  return midnight + secondsOfDay * 1_000 - offsetOf(zone) + Number(`0${fraction}`) * 1_000;
}

/** @param zone `Z`, or an offset with or without a colon @returns milliseconds */
function offsetOf(zone: string): number {
  if (zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
