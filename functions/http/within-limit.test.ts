import { expect, test } from 'vitest';
import { LAMBDA_ANSWER_BYTES } from './pages/page.ts';
import { withinLimit } from './within-limit.ts';

const answerOf = (body: string) => ({ statusCode: 200, body, isBase64Encoded: false, headers: {} });
const overhead = Buffer.byteLength(JSON.stringify(answerOf('')));

for (const [character, bytes] of [
  ['x', 1],
  ['"', 2],
  ['\u0001', 6],
  ['🥬', 4],
] as const) {
  const count = Math.floor((LAMBDA_ANSWER_BYTES - overhead) / bytes);
  test(`an answer of ${JSON.stringify(character)} that Lambda just takes is left as it is, and one more is a problem document`, () => {
    const last = answerOf(character.repeat(count));
    expect(withinLimit(last)).toBe(last);
    const { statusCode, headers, body } = withinLimit(answerOf(character.repeat(count + 1)));
    expect([statusCode, headers]).toEqual([
      500,
      { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    ]);
    expect(JSON.parse(body)).toMatchObject({ status: 500, code: 'answer_too_large' });
  });
}
