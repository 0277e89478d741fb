import * as z from 'zod';

/** Milliseconds since 1970. A year has four digits, also in UTC, and nothing here is about the time before computers. */
const EARLIEST = Date.UTC(1970);
const LATEST = Date.UTC(9999);

/** What Postgres reads: at most nine digits of a second, of which it keeps six, and an offset below 16 hours. */
const READABLE = /:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-5]):\d\d)$/;

/** RFC 3339 with an offset, as text: Postgres gets it as it is, so nothing below a millisecond is lost. */
export const timestamp = z.iso
  .datetime({
    offset: true,
    // What is not there is said to be required, as elsewhere.
    error: ({ input }) =>
      input === undefined ? undefined : 'Must be an RFC 3339 time with an offset, e.g. 2026-11-20T10:00:00Z',
    abort: true,
  })
  .refine((text) => READABLE.test(text), {
    error: 'Must have at most nine digits after the second and an offset below 16 hours',
    abort: true,
  })
  .refine(
    (text) => Date.parse(text) >= EARLIEST && Date.parse(text) < LATEST,
    'Must be between 1970 and 9998',
  );
