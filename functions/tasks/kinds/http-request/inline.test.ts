import { describe, expect, test } from 'vitest';
import { guardedFetch } from '../../../fetch/client/guarded-fetch.ts';
import { serve } from '../../../fetch/testing/server.ts';
import { PermanentError } from '../../define-task.ts';
import { answering, context, echo, failureOf, run } from './testing/run-request.ts';

describe('the request', () => {
  test('names its sender and carries the idempotency key of all attempts', async () => {
    expect(await run({ url: await serve(echo) })).toMatchObject({
      json: {
        method: 'GET',
        'idempotency-key': context.idempotencyKey,
        'user-agent': expect.stringMatching(/^Celeriac\//),
      },
    });
  });

  test('lets the caller set the key header, in any case', async () => {
    const headers = { 'Idempotency-Key': 'mine' };
    expect(await run({ url: await serve(echo), headers })).toMatchObject({
      json: { 'idempotency-key': 'mine' },
    });
  });

  test('does not let the caller change its sender', async () => {
    const failure = await failureOf({ url: await serve(echo), headers: { 'USER-AGENT': 'me' } });
    expect(failure).toMatchObject({
      code: 'payload_invalid',
      message: expect.stringContaining('user-agent'),
    });
  });

  const BODIES = [
    ['text', 'plain', 'plain', 'text/plain; charset=utf-8'],
    ['an object', { a: [1, null] }, '{"a":[1,null]}', 'application/json'],
    ['JSON null', null, 'null', 'application/json'],
  ] as const;
  for (const [what, body, sent, type] of BODIES) {
    test(`sends ${what} as ${type}`, async () => {
      expect(await run({ url: await serve(echo), method: 'POST', body })).toMatchObject({
        json: { method: 'POST', body: sent, 'content-type': type },
      });
    });
  }
});

describe('a status', () => {
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    test(`${status} is tried again`, async () => {
      expect(await failureOf({ url: await answering(status) })).toMatchObject({
        name: 'RetryError',
        code: 'unexpected_status',
        afterSeconds: 0,
      });
    });
  }

  for (const status of [304, 400, 401, 403, 404, 409, 422]) {
    test(`${status} is final, and the error contains the answer`, async () => {
      const failure = await failureOf({ url: await answering(status, {}, 'no such thing') });
      const body = status === 304 ? '' : 'no such thing';
      expect(failure).toMatchObject({
        name: 'PermanentError',
        code: 'unexpected_status',
        details: { status, body },
      });
    });
  }

  for (const [status, after] of [
    [429, 30],
    [503, 30],
    [500, 0],
  ] as const) {
    test(`${status} with Retry-After: 30 waits at least ${after} seconds`, async () => {
      const url = await answering(status, { 'retry-after': '30' });
      expect(await failureOf({ url })).toMatchObject({ afterSeconds: after });
    });
  }

  test('that was expected is a success, whatever it is', async () => {
    expect(await run({ url: await answering(500), expected_status: [500] })).toMatchObject({ status: 500 });
    const range = { from: 400, to: 499 };
    expect(await run({ url: await answering(404), expected_status: range })).toMatchObject({ status: 404 });
  });

  test('of success that was not expected is final', async () => {
    expect(await failureOf({ url: await answering(200), expected_status: [201] })).toBeInstanceOf(
      PermanentError,
    );
  });

  test('of an unexpected redirect is final without follow_redirects', async () => {
    const url = await answering(302, { location: '/x' });
    expect(await failureOf({ url, follow_redirects: false })).toMatchObject({ details: { status: 302 } });
    const expected = { url, follow_redirects: false, expected_status: [302] };
    expect(await run(expected)).toMatchObject({ status: 302, headers: { location: '/x' } });
  });
});

describe('without an answer', () => {
  test('a broken connection and a slow server are tried again', async () => {
    const reset = await serve((request) => request.socket.destroy());
    expect(await failureOf({ url: reset })).toMatchObject({ name: 'RetryError', code: 'network' });
    const slow = await serve(() => {});
    expect(await failureOf({ url: slow, timeout_seconds: 0.1 })).toMatchObject({
      name: 'RetryError',
      code: 'timeout',
    });
  });

  test('a private address and a loop of redirects are final', async () => {
    const fetch = guardedFetch({ loopback: 'refused' });
    expect(await failureOf({ url: 'http://169.254.169.254/' }, { fetch })).toMatchObject({
      name: 'PermanentError',
      code: 'address_refused',
    });
    const loop = await answering(302, { location: '/' });
    expect(await failureOf({ url: loop })).toMatchObject({ name: 'PermanentError', code: 'redirect_limit' });
  });

  test('a cancel ends it with the reason of the cancel', async () => {
    const controller = new AbortController();
    const url = await serve(() => controller.abort(new Error('Cancelled')));
    await expect(run({ url }, { signal: controller.signal })).rejects.toThrow('Cancelled');
  });
});
