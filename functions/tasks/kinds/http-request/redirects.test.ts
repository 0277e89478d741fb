import { describe, expect, test } from 'vitest';
import { serve } from '../../../fetch/testing/server.ts';
import { answering, echo, failureOf, run } from './testing/run-request.ts';

describe('a redirect', () => {
  const from = async (status: number, location: string) => answering(status, { location });

  for (const status of [301, 302]) {
    test(`${status} of a POST is not followed to a GET that would pass for a success`, async () => {
      let asked = 0;
      const login = await serve((_, response) => {
        asked += 1;
        response.end('please log in');
      });
      const url = await from(status, login);
      expect(await failureOf({ url, method: 'POST', body: {} })).toMatchObject({
        name: 'PermanentError',
        code: 'redirect_not_followed',
        details: { status, location: login },
      });
      expect(await run({ url, method: 'POST', expected_status: [status] })).toMatchObject({
        status,
        method: 'POST',
        headers: { location: login },
      });
      expect(asked).toBe(0);
    });

    test(`${status} of a PUT, PATCH or DELETE repeats it`, async () => {
      for (const method of ['PUT', 'PATCH', 'DELETE']) {
        const end = await serve(echo);
        const url = await from(status, end);
        expect(await run({ url, method, body: 'the body' })).toMatchObject({
          method,
          json: { method, body: 'the body' },
        });
      }
    });
  }

  for (const status of [307, 308]) {
    test(`${status} repeats a POST with its body, and the result tells both`, async () => {
      const end = await serve(echo);
      const url = await from(status, end);
      expect(await run({ url, method: 'POST', body: 'the body' })).toMatchObject({
        method: 'POST',
        redirects: 1,
        sent: [
          { method: 'POST', url: `${url}/`, status },
          { method: 'POST', url: `${end}/`, status: 200 },
        ],
        json: { method: 'POST', body: 'the body' },
      });
    });
  }

  test('303 leads from a POST to a GET, and the result says so', async () => {
    const end = await serve(echo);
    const url = await from(303, end);
    expect(await run({ url, method: 'POST', body: 'the body' })).toMatchObject({
      method: 'GET',
      url: `${end}/`,
      sent: [
        { method: 'POST', url: `${url}/`, status: 303 },
        { method: 'GET', url: `${end}/`, status: 200 },
      ],
      json: { method: 'GET', body: '' },
    });
  });

  test('is part of the error that follows it', async () => {
    const end = await answering(404);
    const url = await from(303, end);
    expect(await failureOf({ url, method: 'POST' })).toMatchObject({
      details: { status: 404, method: 'GET', sent: [{ status: 303 }, { status: 404 }] },
    });
  });
});
