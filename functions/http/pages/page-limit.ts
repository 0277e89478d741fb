import * as z from 'zod';

/** Returns the schema of a list's page size, as a query parameter. */
export function pageLimit({ max, default: byDefault }: { max: number; default: number }) {
  return wholeNumber(max)
    .default(byDefault)
    .meta({ type: 'integer', minimum: 1, maximum: max, default: byDefault });
}

/** Returns the schema of a whole number from 1, as a query parameter: digits only. */
export function wholeNumber(max: number) {
  return z
    .string()
    .regex(/^\d{1,9}$/, { error: 'Must be a whole number', abort: true })
    .transform(Number)
    .pipe(z.int().min(1).max(max))
    .meta({ type: 'integer', minimum: 1, maximum: max });
}
