import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { apiFunction, type Client } from '../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
});
afterAll(() => on.close());

test('pauses are listed page by page: newest organization first, each once, only of one’s own organizations', async () => {
  const eve = await api.register();
  await eve.ask('POST', '/api/pauses/', { queue: 'bulk' });
  const expected: string[] = [];
  for (const name of ['One', 'Two']) {
    const { body } = await ada.ask('POST', '/api/organizations/', { name });
    const made = ['kind:data.process', 'kind:http.request', 'queue:bulk'].map((each) => `${body.id} ${each}`);
    expected.unshift(...made);
    // The pauses are made in another order than the list's.
    for (const paused of [{ queue: 'bulk' }, { kind: 'http.request' }, { kind: 'data.process' }]) {
      const given = { organization: body.id, ...paused };
      expect((await ada.ask('POST', '/api/pauses/', given)).status).toBe(201);
    }
  }
  for (const limit of [1, 2, 4, 6, 100]) {
    const visited: string[] = [];
    let pages = 0;
    let cursor: string | null = '';
    while (cursor !== null) {
      const next: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await ada.ask('GET', `/api/pauses/?limit=${limit}${next}`);
      expect([status, body.results.length <= limit]).toEqual([200, true]);
      for (const { organization, scope, name } of body.results)
        visited.push(`${organization} ${scope}:${name}`);
      pages += 1;
      // A page that does not advance would never end.
      expect(visited.length).toBeLessThanOrEqual(expected.length);
      cursor = body.next_cursor;
    }
    expect(visited).toEqual(expected);
    expect(pages).toBe(Math.ceil(expected.length / limit));
  }
  const [organization] = (expected[0] ?? '').split(' ');
  const { body } = await ada.ask('GET', `/api/pauses/?organization=${organization}&limit=2`);
  expect([body.results.length, body.next_cursor]).toEqual([2, `${organization}~kind~http.request`]);
});

for (const cursor of ['x', '~~', '00000000-0000-0000-0000-000000000000~room~a', '%00']) {
  test(`the cursor ${cursor} is refused`, async () => {
    const { status, body } = await ada.ask('GET', `/api/pauses/?cursor=${cursor}`);
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, '/cursor']);
  });
}
