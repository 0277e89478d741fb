import * as z from 'zod';
import { readableName } from './name-fault.ts';

/*
 * Rules of texts, as patterns that mean the same in every validator of JSON Schema: without flags, Unicode classes
 * (`\p{…}`) and lookarounds.
 */

const CONTROLS = '\\x00-\\x1f\\x7f-\\x9f';
/** The blanks that `trim` removes, except control characters. */
const BLANKS = ' \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff';

/** Any text that can be stored: PostgreSQL cannot store NUL. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is about a control character
export const STORABLE = /^[^\x00]*$/;

/** One line: no control characters. */
const ONE_LINE = new RegExp(`^[^${CONTROLS}]*$`);

const LINE_ENDS = `${CONTROLS}\\u2028\\u2029`;

/** One visible line that is not blank. */
const VISIBLE_LINE = `[^${LINE_ENDS}]*[^${LINE_ENDS}${BLANKS}][^${LINE_ENDS}]*`;
const NOT_BLANK = `^${VISIBLE_LINE}$`;
const NOT_BLANK_OR_EMPTY = `^(?:${VISIBLE_LINE})?$`;

/** Any text that can be stored and is not blank. */
export const SAYS_SOMETHING = new RegExp(`^[^\\x00]*[^\\x00\\t-\\r${BLANKS}][^\\x00]*$`);

/** Returns the pattern with blanks allowed around it. The caller removes these blanks. */
export const betweenBlanks = (pattern: string) => {
  const blanks = `[\\t-\\r${BLANKS}]*`;
  return `^${blanks}(?:${pattern})${blanks}$`;
};

/** Returns the schema of a text with any number of lines. Its length is counted in code points, as PostgreSQL does. */
export const text = (max: number) =>
  z.string().max(max, `Must have at most ${max} characters`).meta({ pattern: STORABLE.source });

/**
 * Returns the schema of one line of text for lists, possibly empty. Without Unicode classes, a pattern cannot say which
 * characters are invisible, so `readableName` refuses more texts than the pattern does.
 */
export const line = (max: number) =>
  text(max).superRefine(readableName).meta({ format: 'name', pattern: NOT_BLANK_OR_EMPTY });

/** Returns the schema of a line that is not blank. Blanks around the text are kept. */
export const name = (max: number) =>
  text(max)
    .refine((given) => given.trim() !== '', 'Must not be blank')
    .superRefine(readableName)
    .meta({ format: 'name', minLength: 1, pattern: NOT_BLANK });

/** Returns the schema of a name that a caller gives to something and compares by. */
export const key = (max: number) =>
  text(max)
    .min(1)
    .refine((given) => ONE_LINE.test(given), 'Must be one line, without control characters')
    .meta({ minLength: 1, maxLength: max, pattern: ONE_LINE.source });

/** Hexadecimal digits in groups of 8, 4, 4, 4 and 12: the form of `format: uuid`, for every UUID version. */
export const UUID = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

/** An id in a request. Some code compares ids as text, so an id is converted to lower case, as the database writes it. */
export const Id = z
  .string()
  .regex(UUID, 'Must be a UUID')
  .toLowerCase()
  .meta({ format: 'uuid', pattern: UUID.source });
