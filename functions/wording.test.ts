import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { invalidRequest } from './refusal.ts';
import { timestamp } from './timestamp.ts';
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

describe('of several shapes', () => {
  const words = z.union([z.enum(['a', 'b']), z.array(z.enum(['a', 'b'])).min(1)]);
  const CASES: [given: unknown, pointer: string, detail: string][] = [
    ['c', '/x', 'Must be one of a, b, or must be a list'],
    [7, '/x', 'Must be one of a, b, or must be a list'],
    [['a', 'c'], '/x/1', 'Must be one of a, b'],
    [[], '/x', 'Must have at least 1 item'],
  ];
  for (const [given, pointer, detail] of CASES) {
    test(`${JSON.stringify(given)} is told what it breaks of the one that is meant, or what there is`, () => {
      const { error } = z.strictObject({ x: words }).safeParse({ x: given });
      if (!error) throw new Error('it was taken');
      expect(invalidRequest('body', error).fields).toEqual([{ in: 'body', pointer, detail }]);
    });
  }
});

test('a time that is not there is required, and not malformed', () => {
  const { error } = z.strictObject({ at: timestamp }).safeParse({});
  expect(error?.issues[0]?.message).toBe('Is required');
});
