import { describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { Registration } from './identity/credentials.ts';
import { Id, key, line, name, text } from './text-rules.ts';
import { timestamp, timestampWithin } from './timestamp.ts';

/* The API's description of a field and the field itself must accept the same texts. */

const TEXTS = [
  ...[
    '',
    ' ',
    'a',
    ' a ',
    '\t',
    'a\n',
    '\na',
    'two\nlines',
    'a\u0000',
    '\u007f',
    'a\u0085',
    '\u00a0',
    '\u3000',
  ],
  ...['\u2028', 'a\u2028b', '🥬', '🥬'.repeat(5), '🥬'.repeat(6), 'abcde', 'abcdef'],
];

const YEAR = new Date().getUTCFullYear();
const TIMES = [
  ...[
    '',
    'now',
    '2024-02-29T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2000-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
  ],
  ...[
    '2024-01-01',
    '2024-01-01T00:00:00',
    '2024-01-01T24:00:00Z',
    '2024-12-31T23:59:60Z',
    '2024-01-01T00:00Z',
  ],
  ...['2024-01-01T00:00:00.123456789Z', '2024-01-01T00:00:00.1234567890Z', '2024-01-01T00:00:00.Z'],
  ...['2024-01-01T00:00:00+15:59', '2024-01-01T00:00:00+16:00', '2024-01-01T00:00:00-15:59'],
  ...['2024-01-01t00:00:00z', '2024-01-01 00:00:00Z', '2024-01-01T00:00:00Z\n', '2024-04-31T00:00:00Z'],
  ...[
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00Z',
    '1970-01-01T00:00:00+14:00',
    '9998-12-31T23:59:59-15:59',
  ],
  ...['9996-02-29T00:00:00Z', '9999-01-01T00:00:00Z', '10000-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
  ...[`${YEAR + 10}-12-31T23:59:59.999Z`, `${YEAR + 11}-01-01T00:00:00Z`],
];

const EMAILS = [
  ...[
    'a@b.co',
    'a.b@c.co',
    '.a@b.co',
    'a.@b.co',
    'a..b@c.co',
    "a'b@c.co",
    "a'@b.co",
    'a+b@c.co',
    'a@b',
    'a@b.c',
  ],
  ...['a@-b.co', 'a@b-.co', 'a@b..co', ' a@b.co ', 'ä@b.co', 'a@b.co\n', 'a b@c.co', '@b.co', 'a@b.c0'],
];

const IDS = ['0190a5b0-0000-7000-8000-000000000000', '0190A5B0-0000-0000-0000-00000000000f', '', '1', '{1}'];

const RULES: [what: string, schema: z.ZodType, values: string[]][] = [
  ['text', text(5), TEXTS.filter((each) => !each.includes('\u0000'))],
  ['one line', line(5), TEXTS],
  ['a name', name(5), TEXTS],
  ['a key', key(5), TEXTS],
  ['a time', timestamp, TIMES],
  ['a time within ten years', timestampWithin(10), TIMES],
  ['an email', Registration.shape.email, EMAILS],
  ['an id', Id, IDS],
];

describe('a field accepts what its description says', () => {
  for (const [what, schema, values] of RULES) {
    test(what, () => {
      const {
        pattern = '',
        minLength = 0,
        maxLength = what.includes('key') || what !== 'a time' ? 5 : 0,
      } = {
        ...(schema.meta() as { pattern?: string; minLength?: number; maxLength?: number }),
      };
      const isText = values.includes('🥬');
      for (const value of values) {
        const length = [...value].length;
        const fits = !isText || (length >= minLength && length <= maxLength);
        const described = fits && new RegExp(pattern).test(value);
        expect([value, schema.safeParse(value).success]).toEqual([value, described]);
      }
    });
  }
});
