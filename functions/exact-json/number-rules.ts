import { compareNumber } from 'lossless-json';

/** Characters of one number: Postgres keeps no number of any length. */
const MAX_NUMBER_CHARACTERS = 1_000;

/** True when JavaScript writes the number's double the same way. Nearly all long numbers pass here and break no rule. */
export const isDoubleAsWritten = (source: string) => String(Number(source)) === source;

/** Why a number cannot be stored at all: it is out of a double's range, or too long. @returns undefined when it can */
export function rangeFault(source: string): string | undefined {
  if (source.length > MAX_NUMBER_CHARACTERS)
    return `Must be a number of at most ${MAX_NUMBER_CHARACTERS} characters`;
  const value = Number(source);
  if (!Number.isFinite(value)) return 'Must be a number below 1.8e308';
  if (value === 0 && /[1-9]/.test(source.replace(/e.*/i, '')))
    return 'Must be 0, or a number of more than 4.9e-324';
  return undefined;
}

/** Why a program that reads this number into a double would read another one. @returns undefined when it would not */
export function digitsFault(source: string): string | undefined {
  const value = Number(source);
  if (!Number.isFinite(value)) return rangeFault(source);
  if (compareNumber(source, String(value)) === 0) return undefined;
  return `Must be a number that a double holds exactly; this one would become ${value}. Send it as a string`;
}
