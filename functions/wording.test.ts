import { expect, test } from 'vitest';
import * as z from 'zod';
import './wording.ts';

const said = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues[0]?.message;

test.each<[z.ZodType, unknown, string]>([
  [z.string(), undefined, 'Is required'],
  [z.string(), 1, 'Must be a string'],
  [z.int(), 1.5, 'Must be a whole number'],
  [z.number().min(0), -1, 'Must be at least 0'],
  [z.number().max(9), 10, 'Must be at most 9'],
  [z.string().max(3), 'four', 'Must have at most 3 characters'],
  [z.array(z.string()).min(1), [], 'Must have at least 1 item'],
  [z.enum(['a', 'b']), 'c', 'Must be one of a, b'],
  [z.literal('me'), 'you', 'Must be me'],
  [
    z.discriminatedUnion('a', [z.object({ a: z.literal('b') }), z.object({ a: z.literal('c') })]),
    { a: 'd' },
    'Must be one of b, c',
  ],
  [z.uuid(), 'x', 'Must be a UUID'],
  [z.email(), 'x', 'Must be an email address'],
  [z.strictObject({}), { a: 1 }, 'Unknown field'],
  [z.string({ error: 'Must be what we say' }), 1, 'Must be what we say'],
])('%# is said as a sentence about the field', (schema, value, sentence) => {
  expect(said(schema, value)).toBe(sentence);
});
