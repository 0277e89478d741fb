import { compareNumber } from 'lossless-json';

/** Maximum characters of one number: Postgres limits the length of a number. */
const MAX_NUMBER_CHARACTERS = 1_000;

/**
 * Returns true when JavaScript writes the number's double the same way. Nearly all long numbers pass this check, and then
 * break no rule.
 */
export const isDoubleAsWritten = (source: string) => String(Number(source)) === source;

/**
 * Returns the reason why a number cannot be stored: the number is out of a double's range or too long.
 *
 * @returns undefined when it can be stored
 */
export function rangeFault(source: string): string | undefined {
  if (source.length > MAX_NUMBER_CHARACTERS)
    return `Must be a number of at most ${MAX_NUMBER_CHARACTERS} characters`;
  const value = Number(source);
  if (!Number.isFinite(value)) return 'Must be a number below 1.8e308';
  if (value === 0 && /[1-9]/.test(source.replace(/e.*/i, '')))
    return 'Must be 0, or a number of more than 4.9e-324';
  return undefined;
}

/** Returns the reason why a double would change this number. @returns undefined when a double keeps it */
export function digitsFault(source: string): string | undefined {
  const value = Number(source);
  if (!Number.isFinite(value)) return rangeFault(source);
  if (compareNumber(source, String(value)) === 0) return undefined;
  return `Must be a number that a double holds exactly; this one would become ${value}. Send it as a string`;
}
