import { expect, test } from 'vitest';

import type { FetchRequest, GuardedFetch } from '../../../fetch/port.ts';
import { PermanentError, RetryError } from '../../define-task.ts';
import type { OutboundTurn } from '../../store/index.ts';
import { operatorCommand } from '../stopped-hosts.ts';
import { inTurn, type TakeTurn } from './in-turn.ts';

/** A fetch that follows one redirect, and the URLs that it requested. */
function fetching(redirectTo: string): { fetch: GuardedFetch; sent: string[] } {
  const sent: string[] = [];
  const fetch = async (request: FetchRequest) => {
    sent.push(request.url);
    await request.beforeRedirect?.(new URL(redirectTo));
    sent.push(redirectTo);
    return { status: 200 } as Awaited<ReturnType<GuardedFetch>>;
  };
  return { fetch, sent };
}

const turns =
  (byHost: (host: string) => OutboundTurn): TakeTurn =>
  async (host) =>
    byHost(host);

test('each request waits for its turn, those after a redirect too', async () => {
  const asked: string[] = [];
  const takeTurn = turns((host) => {
    asked.push(host);
    return { kind: 'go', afterSeconds: 0 };
  });
  const { fetch } = fetching('http://b.example./');
  await inTurn(fetch, takeTurn)({ url: 'https://A.example:8080/x' });
  expect(asked).toEqual(['a.example', 'b.example']);
});

test('nothing is sent to a stopped host, and no retry changes that', async () => {
  const takeTurn = turns((host) =>
    host === 'b.example' ? { kind: 'stopped', host } : { kind: 'go', afterSeconds: 0 },
  );
  const [direct, redirected] = [fetching('http://a.example/'), fetching('http://b.example/')];
  await expect(inTurn(direct.fetch, takeTurn)({ url: 'http://b.example/' })).rejects.toThrow(PermanentError);
  expect(direct.sent).toEqual([]);
  // A fetch wraps unknown errors. The refusal must come through nevertheless.
  const wrapping: GuardedFetch = (request) =>
    redirected.fetch(request).catch((cause: unknown) => {
      throw new Error('network', { cause });
    });
  await expect(inTurn(wrapping, takeTurn)({ url: 'http://a.example/' })).rejects.toMatchObject({
    code: 'host_stopped',
  });
  expect(redirected.sent).toEqual(['http://a.example/']);
});

test('a turn that is too far away is retried no sooner', async () => {
  const takeTurn = turns(() => ({ kind: 'busy', afterSeconds: 15 }));
  const { fetch, sent } = fetching('http://a.example/');
  const failure = await inTurn(
    fetch,
    takeTurn,
  )({ url: 'http://a.example/' }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(RetryError);
  expect(failure).toMatchObject({ code: 'host_busy', afterSeconds: 15 });
  expect(sent).toEqual([]);
});

test('a request that waits for a turn is aborted by a cancel', async () => {
  const takeTurn = turns(() => ({ kind: 'go', afterSeconds: 3_600 }));
  const { fetch } = fetching('http://a.example/');
  const stop = new AbortController();
  const waiting = inTurn(fetch, takeTurn)({ url: 'http://a.example/', signal: stop.signal });
  stop.abort(new Error('cancelled'));
  await expect(waiting).rejects.toThrow('cancelled');
});

test('a request whose turn is unknown is retried, without quoting the database', async () => {
  const { fetch, sent } = fetching('http://a.example/');
  const failing: TakeTurn = () => Promise.reject(new Error('connect ECONNREFUSED 10.0.0.7:5432'));
  const failure = await inTurn(fetch, failing)({ url: 'http://a.example/' }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(RetryError);
  expect(failure).toMatchObject({ code: 'turn_unknown', message: expect.not.stringContaining('10.0.0.7') });
  expect(sent).toEqual([]);
});

test('a host of more than 253 characters takes no turn, as no such name can be looked up', async () => {
  const asked: string[] = [];
  const takeTurn = turns((host) => {
    asked.push(host);
    return { kind: 'go', afterSeconds: 0 };
  });
  const longest = `${'a.'.repeat(122)}a.example`;
  for (const host of [longest, `${longest}.`, `a${longest}`]) {
    const { fetch } = fetching(`http://${host}/`);
    await inTurn(fetch, takeTurn)({ url: `http://${host}/` });
  }
  expect(asked).toEqual([longest, longest, longest, longest]);
});

test('a caller is asked about redirects as well', async () => {
  const { fetch, sent } = fetching('http://b.example/');
  const takeTurn = turns(() => ({ kind: 'go', afterSeconds: 0 }));
  const beforeRedirect = () => Promise.reject(new Error('not there'));
  await expect(inTurn(fetch, takeTurn)({ url: 'http://a.example/', beforeRedirect })).rejects.toThrow(
    'not there',
  );
  expect(sent).toEqual(['http://a.example/']);
});

test('an operator names a host as a URL has it, and nothing else', () => {
  expect(operatorCommand({ stopHost: 'Victim.Example' })).toEqual({ stopHost: 'victim.example', reason: '' });
  expect(operatorCommand({ resumeHost: '[2001:db8::1]' })).toEqual({ resumeHost: '[2001:db8::1]' });
  expect(operatorCommand({ stoppedHosts: true })).toEqual({ stoppedHosts: true });
  expect(operatorCommand({ time: '2026-01-01T00:00:00Z', 'detail-type': 'Scheduled Event' })).toBeUndefined();
  for (const host of [
    '',
    'a.example/path',
    'a.example:80',
    'http://a.example',
    'a@b',
    'a b',
    'a.example.',
    7,
  ])
    expect(() => operatorCommand({ stopHost: host }), String(host)).toThrow('Not a command');
  expect(() => operatorCommand({ stopHost: 'a.example', resumeHost: 'a.example' })).toThrow('Not a command');
});
