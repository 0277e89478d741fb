import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readExactly } from './exact-fault.ts';
import { JsonText, stringifyExactly } from './json-text.ts';
import { digitsFault, rangeFault } from './number-rules.ts';
import { scanJson } from './scan-json.ts';
import { anyJsonText, tokensOf } from './testing/any-json.ts';

describe('a number', () => {
  for (const kept of [
    '0',
    '-0',
    '0.0',
    '1.10',
    '1e2',
    '1E+2',
    '9007199254740991',
    '1e308',
    '5e-324',
    '1e22',
    '100000000000000000000',
  ]) {
    test(`${kept} is held by a double`, () => {
      expect([rangeFault(kept), digitsFault(kept)]).toEqual([undefined, undefined]);
    });
  }

  for (const changed of ['9007199254740993', '12345678901234567890', '0.1000000000000000000001']) {
    test(`${changed} is not`, () => {
      expect(rangeFault(changed)).toBeUndefined();
      expect(digitsFault(changed)).toMatch(/would become/);
    });
  }

  for (const [source, rule] of [
    ['1e400', 'Must be a number below 1.8e308'],
    ['-1e309', 'Must be a number below 1.8e308'],
    ['1e-400', 'Must be 0, or a number of more than 4.9e-324'],
    [`0.${'1'.repeat(999)}`, 'Must be a number of at most 1000 characters'],
  ] as const) {
    test(`${source.slice(0, 10)} of ${source.length} characters cannot be stored`, () => {
      expect(rangeFault(source)).toBe(rule);
    });
  }

  test('of 1,000 characters can be stored', () => {
    expect(rangeFault(`0.${'1'.repeat(998)}`)).toBeUndefined();
  });

  test('is judged as arithmetic of any precision does', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (integer) => {
        // The double as JavaScript writes it, read as an integer again.
        const back = BigInt(Number(integer).toLocaleString('fullwide', { useGrouping: false }));
        expect(digitsFault(`${integer}`) === undefined).toBe(back === integer);
      }),
    );
  });
});

describe('a text', () => {
  test('is composed from its members', () => {
    fc.assert(
      fc.property(anyJsonText, (json) => {
        let hasDuplicate = false;
        scanJson(json, {
          onDuplicate() {
            hasDuplicate = true;
          },
        });
        fc.pre(!hasDuplicate && json.trim().startsWith('{'));
        const text = new JsonText(json);
        expect(tokensOf(JsonText.object(text.members()).text)).toEqual(tokensOf(json));
      }),
    );
  });

  test('stands in an answer as it was written, wherever it is', () => {
    fc.assert(
      fc.property(anyJsonText, fc.string({ unit: 'binary' }), (json, other) => {
        const answer = {
          before: other,
          list: [new JsonText(json), { text: new JsonText(json) }],
          after: other,
        };
        const [before, after] = [`{"before":${JSON.stringify(other)},`, `,"after":${JSON.stringify(other)}}`];
        expect(stringifyExactly(answer)).toBe(`${before}"list":[${json},{"text":${json}}]${after}`);
      }),
    );
  });

  test('is unchanged without JSON texts in it', () => {
    expect(stringifyExactly({ a: [1, 'x'], b: undefined })).toBe('{"a":[1,"x"]}');
  });
});

test('payloads are found in a task, in its batch and in defaults, and not in payloads', () => {
  const json =
    '{"payload": {"payload": 1.0}, "tasks": [{}, {"payload": 2.0}], "defaults": {"p\\u0061yload": [3.0]}}';
  const { payloads } = readExactly(json);
  expect([...payloads].map(([pointer, { text }]) => [pointer, text])).toEqual([
    ['/payload', '{"payload": 1.0}'],
    ['/tasks/1/payload', '2.0'],
    ['/defaults/payload', '[3.0]'],
  ]);
});
