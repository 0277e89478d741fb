import * as z from 'zod';

/** How many rows of a list to answer, as a query parameter: digits and nothing else, from 1. */
export function pageLimit({ max, default: byDefault }: { max: number; default: number }) {
  return z
    .string()
    .regex(/^\d{1,9}$/, { error: 'Must be a whole number', abort: true })
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .default(byDefault);
}
