import { expect, test } from 'vitest';
import { FetchError, type FetchFailure } from '../../fetch/fetch-error.ts';
import { type AskDeps, askProvider } from './ask-provider.ts';

type Said = { status: number; text?: string; headers?: Record<string, string> } | FetchFailure;
const GOOD: Said = { status: 200, text: '{"bitcoin":{}}' };

/**
 * Asks a provider that gives the answers `said` in turn, each after `takes` seconds, on a clock that moves only with the
 * provider.
 */
async function ask(said: Said[], { budget = 40, random = 0.5, takes = 1 } = {}) {
  const pauses: number[] = [];
  const timeouts: number[] = [];
  let time = 100;
  const deps: AskDeps = {
    headers: {},
    clock: {
      elapsed: () => time,
      random: () => random,
      sleep: async (seconds) => {
        pauses.push(seconds);
        time += seconds;
      },
    },
    fetchText: async (_url, { timeoutSeconds }) => {
      timeouts.push(timeoutSeconds);
      const next = said.shift() ?? GOOD;
      time += next === 'timeout' ? timeoutSeconds : takes;
      if (typeof next === 'string') throw new FetchError(next, `said ${next}`);
      return { text: '', headers: {}, ...next };
    },
  };
  const asked = await askProvider(deps, 'http://provider.invalid/', budget);
  return { ...asked, codes: asked.failures.map(({ code }) => code), pauses, timeouts, spent: time - 100 };
}

const SINGLE: [said: Said, code: string, again: boolean][] = [
  [{ status: 429 }, 'rate_limited', true],
  [{ status: 500 }, 'provider_error', true],
  [{ status: 503 }, 'provider_error', true],
  [{ status: 408 }, 'timeout', true],
  ['network', 'network', true],
  ['timeout', 'timeout', true],
  ['dns', 'dns', true],
  [{ status: 200, text: '<html>' }, 'not_json', true],
  [{ status: 200, text: '{"bitcoin":' }, 'not_json', true],
  [{ status: 200, text: '' }, 'not_json', true],
  [{ status: 200, text: '{"bitcoin":{"usd":NaN}}' }, 'not_json', true],
  [{ status: 200, text: '['.repeat(500_000) }, 'not_json', true],
  [{ status: 200, text: '[]' }, 'not_an_object', true],
  [{ status: 200, text: 'null' }, 'not_an_object', true],
  [{ status: 302 }, 'redirected', false],
  [{ status: 401 }, 'request_refused', false],
  [{ status: 418 }, 'request_refused', false],
  [{ status: 204 }, 'unexpected_status', false],
  ['address_refused', 'address_refused', false],
  ['too_large', 'too_large', false],
];
for (const [said, code, again] of SINGLE) {
  const name = typeof said === 'string' ? said : `${said.status} ${said.text?.slice(0, 20) ?? ''}`;
  test(`${name}: ${code}, ${again ? 'and asked again' : 'and left at that'}`, async () => {
    const { answer, codes, attempts } = await ask([said]);
    expect(codes).toEqual([code]);
    expect(attempts).toBe(again ? 2 : 1);
    expect(answer !== undefined).toBe(again);
  });
}

test('three attempts are made and no more, with jittered pauses between them', async () => {
  const { answer, attempts, pauses } = await ask(['network', 'network', 'network', GOOD]);
  expect({ answer, attempts, pauses }).toEqual({ answer: undefined, attempts: 3, pauses: [1, 2] });
});

test('a Retry-After is obeyed, as seconds or as a date by the server’s clock', async () => {
  const date = { date: 'Sat, 21 Nov 2026 06:00:00 GMT', 'retry-after': 'Sat, 21 Nov 2026 06:00:07 GMT' };
  for (const headers of [{ 'retry-after': '7' }, date]) {
    expect((await ask([{ status: 429, headers }])).pauses).toEqual([7]);
  }
});

test('an invalid Retry-After is ignored', async () => {
  for (const value of ['-5', 'soon', '1e9', '']) {
    const { pauses, attempts } = await ask([{ status: 429, headers: { 'retry-after': value } }]);
    expect({ pauses, attempts }).toEqual({ pauses: [1], attempts: 2 });
  }
});

test('a Retry-After beyond the budget ends the tries', async () => {
  const { failures, attempts } = await ask([{ status: 429, headers: { 'retry-after': '3600' } }]);
  expect(attempts).toBe(1);
  expect(failures).toEqual([{ code: 'rate_limited', status: 429, retry_after: 3600 }]);
});

test('a silent provider costs no more than the budget', async () => {
  const { spent, timeouts } = await ask(['timeout', 'timeout', 'timeout'], { budget: 25 });
  expect(spent).toBeLessThanOrEqual(25);
  expect(timeouts).toEqual([10, 10, 2]);
});

test('without time, no request is sent', async () => {
  expect(await ask([GOOD], { budget: 0.5 })).toMatchObject({ attempts: 0, answer: undefined });
});

test('an internal fault is thrown, not retried', async () => {
  const deps: AskDeps = {
    headers: {},
    clock: { elapsed: () => 0, random: () => 0, sleep: async () => {} },
    fetchText: async () => {
      throw new TypeError('a bug');
    },
  };
  await expect(askProvider(deps, 'http://provider.invalid/', 10)).rejects.toThrow('a bug');
});
