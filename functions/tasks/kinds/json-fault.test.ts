import { expect, test } from 'vitest';
import { jsonFault } from './json-fault.ts';

const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

for (const [what, value, fault] of [
  ['what can be stored', { a: [1, 'x', null, true, { 'b/c': '🥬', d: 1e308 }] }, undefined],
  ['64 levels', nested(64), undefined],
  ['65 levels', nested(65), 'Must not be nested deeper than 64 levels'],
  ['NUL in a name', { 'a\u0000': 1 }, 'Must not contain NUL characters'],
  ['NUL further down', [{ a: ['\u0000'] }], 'Must not contain NUL characters'],
  ['half a surrogate pair', ['\ud800'], 'Must not contain half of a surrogate pair'],
  ['a number beyond all', JSON.parse('{"a":[1e400]}'), 'Must be a number below 1.8e308'],
  ['one below all', JSON.parse('-1e400'), 'Must be a number below 1.8e308'],
] as const) {
  test(`${what}: ${fault ?? 'no fault'}`, () => {
    expect(jsonFault(value)).toBe(fault);
  });
}
