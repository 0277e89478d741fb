import * as z from 'zod';

/*
 * RFC 3339 with an offset, as text. PostgreSQL gets the text unchanged, so that nothing below a millisecond is lost. The
 * patterns contain every rule, so that a validator that reads the API's description refuses the same texts.
 */

/** The times that PostgreSQL reads: at most nine digits of a second, of which it keeps six, and an offset below 16 hours. */
const CLOCK =
  'T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:0[0-9]|1[0-5]):[0-5][0-9])';
const READABLE = new RegExp(`${CLOCK}$`);

/** Every day of every year. */
const DAYS =
  '(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))';

const timePattern = (years: string, leapYears: string) =>
  `^(?:(?:${years})-${DAYS}|(?:${leapYears})-02-29)${CLOCK}$`;

/** No time here lies before computers. The upper bound keeps four digits for the year, also in UTC. */
const YEARS = { first: 1970, last: 9998 } as const;

/** 1970 to 9998, and the leap years among them. */
const PATTERN = timePattern(
  '19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8]',
  '19(?:7[26]|8[048]|9[26])|[2-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[3579][26])00',
);

/** Returns the year as it is written. The year in UTC may differ. */
const yearOf = (time: string) => Number(time.slice(0, 4));

/** A time from 1970 to 9998. */
export const timestamp = z.iso
  .datetime({
    offset: true,
    // A missing value gets the message "Is required", as in other fields.
    error: ({ input }) =>
      input === undefined ? undefined : 'Must be an RFC 3339 time with an offset, e.g. 2026-11-20T10:00:00Z',
    abort: true,
  })
  .refine((time) => READABLE.test(time), {
    error: 'Must have at most nine digits after the second and an offset below 16 hours',
    abort: true,
  })
  .refine(
    (time) => yearOf(time) >= YEARS.first && yearOf(time) <= YEARS.last,
    'Must be between 1970 and 9998',
  )
  .meta({ format: 'date-time', pattern: PATTERN });

/** Returns the schema of a time until the end of a year, this many years ahead. The pattern contains the year at the call. */
export function timestampWithin(yearsAhead: number) {
  const lastYear = () => new Date().getUTCFullYear() + yearsAhead;
  return timestamp
    .refine((time) => yearOf(time) <= lastYear(), {
      error: `Must be at most ${yearsAhead} years ahead`,
    })
    .meta({ format: 'date-time', pattern: patternUntil(lastYear()) });
}

function patternUntil(lastYear: number): string {
  const years = Array.from({ length: lastYear - YEARS.first + 1 }, (_, at) => YEARS.first + at);
  const leapYears = years.filter((year) => new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1);
  return timePattern(years.join('|'), leapYears.join('|'));
}
