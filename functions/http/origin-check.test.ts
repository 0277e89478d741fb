import { expect, test } from 'vitest';
import { originCheck } from './origin-check.ts';

const methodArn = 'arn:aws:execute-api:eu-central-1:123456789012:abc123/$default/GET/api/tasks';

function checker(...secrets: string[]) {
  const seconds = { now: 0 };
  const reads: number[] = [];
  const check = originCheck(
    async () => {
      reads.push(seconds.now);
      return [...secrets];
    },
    () => seconds.now * 1000,
  );
  const effect = async (headers?: Record<string, string> | null) =>
    (await check({ methodArn, headers: headers ?? null })).policyDocument.Statement[0]?.Effect;
  return { check, effect, secrets, reads, seconds };
}

test('the front door’s value opens the whole API, however its header is written', async () => {
  const { check, effect } = checker('secret');
  expect(
    (await check({ methodArn, headers: { 'X-Origin-Verify': 'secret' } })).policyDocument.Statement,
  ).toEqual([
    {
      Action: 'execute-api:Invoke',
      Effect: 'Allow',
      Resource: 'arn:aws:execute-api:eu-central-1:123456789012:abc123/*',
    },
  ]);
  expect(await effect({ 'x-origin-verify': 'secret' })).toBe('Allow');
});

for (const [what, headers] of [
  ['another value', { 'x-origin-verify': 'secreT' }],
  ['an empty value', { 'x-origin-verify': '' }],
  ['no header', {}],
  ['no headers at all', null],
] as const) {
  test(`${what} is denied`, async () => expect(await checker('secret').effect(headers)).toBe('Deny'));
}

test('nothing is believed when there is no secret', async () => {
  expect(await checker().effect({ 'x-origin-verify': '' })).toBe('Deny');
});

test('a renewed value is believed as soon as it comes, and wrong ones cannot cause a read each', async () => {
  const { effect, secrets, reads, seconds } = checker('old');
  expect(await effect({ 'x-origin-verify': 'new' })).toBe('Deny');
  secrets.unshift('new');
  for (let i = 0; i < 5; i += 1) await effect({ 'x-origin-verify': `wrong${i}` });
  expect(reads).toEqual([0]);
  seconds.now = 10;
  expect(await effect({ 'x-origin-verify': 'new' })).toBe('Allow');
  expect(await effect({ 'x-origin-verify': 'old' })).toBe('Allow');
  expect(reads).toEqual([0, 10]);
});

test('the client’s address is handed over when the front door has sent it, and it is one', async () => {
  const { check } = checker('secret');
  const contextOf = async (headers: Record<string, string>) => (await check({ methodArn, headers })).context;
  const believed = { 'X-Origin-Verify': 'secret' };
  expect(await contextOf({ ...believed, 'X-Client-Address': '203.0.113.7' })).toEqual({
    clientAddress: '203.0.113.7',
  });
  expect(await contextOf({ ...believed, 'x-client-address': '2001:db8::7' })).toEqual({
    clientAddress: '2001:db8::7',
  });
  for (const none of ['', 'localhost', '203.0.113.7, 203.0.113.8', '203.0.113.7:443']) {
    expect(await contextOf({ ...believed, 'x-client-address': none })).toBeUndefined();
  }
  expect(await contextOf({ 'x-origin-verify': 'wrong', 'x-client-address': '203.0.113.7' })).toBeUndefined();
});
