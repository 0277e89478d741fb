import fc from 'fast-check';

const blank = fc.constantFrom('', '', '', ' ', '\n\t');

const number = fc.oneof(
  fc.constantFrom('-0', '0', '1.10', '1e2', '1E+2', '-0.0', '9007199254740993', '12345678901234567890'),
  fc.constantFrom('1e400', '1e-400', '0e999', '1e308', '5e-324', '100000000000000000000'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc
    .tuple(
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }),
      fc.stringMatching(/^(\.\d{1,25})?([eE][+-]?\d{1,2})?$/),
    )
    .map(([integer, rest]) => `${integer}${rest}`),
);

const string = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
  fc.constantFrom('"\\u0041"', '"\\/"', '"\\\\"', '"\\\\\\""', '"\\ud83d\\ude00"', '"payload"', '"1e2"'),
);

const name = fc.oneof(
  fc.constantFrom('"a"', '"b"', '"\\u0061"', '"2"', '"1"', '"10"', '""', '"payload"', '"body"', '"tasks"'),
  string,
);

/** JSON text with numbers, names and escapes that programs often change. */
export const anyJsonText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc
    .tuple(
      blank,
      fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        number,
        string,
        fc.constantFrom('null', 'true', 'false'),
        fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
        fc
          .array(fc.tuple(blank, name, blank, tie('value')), { maxLength: 5 })
          .map((members) => `{${members.map(([b, n, c, v]) => `${b}${n}${c}:${v}`).join(',')}}`),
      ),
      blank,
    )
    .map((parts) => parts.join('')),
})).value;

/** Returns the tokens of JSON: numbers as they are written, strings as they are read. */
export function tokensOf(json: string): string[] {
  const tokens = json.match(/"(?:[^"\\]|\\.)*"|[\]{}[:,]|[^\s\]{}[:,"]+/g) ?? [];
  return tokens.map((token) => (token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token));
}
