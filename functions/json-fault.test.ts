import { expect, test } from 'vitest';
import { jsonFault } from './json-fault.ts';

const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

for (const [what, value, fault] of [
  ['what can be stored', { a: [1, 'x', null, true, { 'b/c': '🥬', d: 1e308 }] }, undefined],
  ['32 levels', nested(32), undefined],
  ['33 levels', nested(33), ['/0'.repeat(32), 'Must be nested at most 32 levels deep']],
  ['250,000 values', Array(249_999).fill(0), undefined],
  ['250,001 values', Array(250_000).fill(0), ['', 'Must have at most 250000 values']],
  ['NUL in a name', { 'a\u0000': 1 }, ['/a\u0000', 'Must not contain the NUL character']],
  ['NUL further down', [{ 'a/b': ['\u0000'] }], ['/0/a~1b/0', 'Must not contain the NUL character']],
  ['half a surrogate pair', ['\ud800'], ['/0', 'Must not contain a lone surrogate']],
  ['a number beyond all', JSON.parse('{"a":[1e400]}'), ['/a/0', 'Must be a number below 1.8e308']],
  ['one below all', JSON.parse('-1e400'), ['', 'Must be a number below 1.8e308']],
  [
    'the name of a prototype',
    JSON.parse('{"a":{"__proto__":1}}'),
    ['/a/__proto__', 'Must not be named __proto__'],
  ],
] as const) {
  test(`${what}: ${fault?.[1] ?? 'no fault'}`, () => {
    expect(jsonFault(value)).toEqual(fault && { pointer: fault[0], detail: fault[1] });
  });
}
