import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { bytesInAnswer, LAMBDA_ANSWER_BYTES } from '../pages/page.ts';
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

const nextKey = () => randomUUID();
const create = (key: string, body: object = { name: 'Task' }, who = ada) =>
  who.ask('POST', '/api/tasks/', body, { 'idempotency-key': key });
const tasks = async () => {
  const [row] = await on.admin`select count(*) from tasks`;
  return row?.count;
};

describe('a request with an idempotency key', () => {
  test('is carried out once, and gets the same answer when it is repeated', async () => {
    const key = nextKey();
    const first = await create(key);
    expect(first.status).toBe(201);
    const before = await tasks();
    const again = await create(key);
    expect([again.status, again.body]).toEqual([201, first.body]);
    for (const header of ['location', 'content-type'])
      expect(again.headers.get(header)).toBe(first.headers.get(header));
    expect([first, again].map(({ headers }) => headers.get('idempotent-replayed'))).toEqual([null, 'true']);
    expect(await tasks()).toBe(before);
  });

  test('gets even the largest answer again, within the limit of Lambda', { timeout: 120_000 }, async () => {
    const good = Array.from({ length: 10_000 }, (_, n) => ({ name: `Task ${n}` }));
    // Each task breaks three rules, and its errors contain long field names.
    const bad = Array.from({ length: 10_000 }, () => ({ ['x'.repeat(90)]: 1, ['y'.repeat(90)]: 1 }));
    for (const tasks of [good, [{ name: 'One' }, ...bad.slice(1)]]) {
      const key = { 'idempotency-key': nextKey() };
      const ask = () => ada.ask('POST', '/api/tasks/bulk/', { tasks, partial: true }, key);
      const first = await ask();
      expect(first.status).toBe(201);
      const again = await ask();
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      expect(again.body).toEqual(first.body);
      expect(bytesInAnswer(again.body)).toBeLessThan(LAMBDA_ANSWER_BYTES);
    }
  });

  test('is the same with and without the trailing slash; with another body it is refused', async () => {
    const key = nextKey();
    const first = await create(key);
    const slashless = await ada.ask('POST', '/api/tasks', { name: 'Task' }, { 'idempotency-key': key });
    expect(slashless.body.id).toBe(first.body.id);
    expect(await create(key, { name: 'Other' })).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  test('is a different request at another path, or with another query', async () => {
    const key = nextKey();
    const [{ body: one }, { body: other }] = [await create(nextKey()), await create(nextKey())];
    const cancel = (path: string) =>
      ada.ask('POST', `/api/tasks/${path}`, undefined, { 'idempotency-key': key });
    expect((await cancel(`${one.id}/cancel/`)).status).toBe(200);
    for (const path of [`${other.id}/cancel/`, `${one.id}/cancel/?again=1`])
      expect(await cancel(path)).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });

  test('is carried out each time when it is not a POST', async () => {
    const { body: task } = await create(nextKey());
    const get = () =>
      ada.ask('GET', `/api/tasks/${task.id}/`, undefined, { 'idempotency-key': 'no key of ours' });
    expect([(await get()).status, (await get()).status]).toEqual([200, 200]);
  });

  test('is refused while the first request is under way', async () => {
    const key = nextKey();
    const answers = await Promise.all([create(key), create(key), create(key)]);
    const made = answers.filter(({ status }) => status === 201);
    expect(new Set(made.map(({ body }) => body.id)).size).toBe(1);
    await on.admin`update idempotency_keys set status = null, body = null, locked_until = now() + interval '1 minute' where key = ${key}`;
    expect(await create(key)).toMatchObject({ status: 409, body: { code: 'idempotency_key_in_use' } });
  });

  test('finds the created resource when its function died after the commit', async () => {
    const key = nextKey();
    const first = await create(key);
    const before = await tasks();
    // The state before the answer was stored.
    await on.admin`update idempotency_keys set status = null, body = null, locked_until = now() - interval '1 second' where key = ${key}`;
    const again = await create(key);
    expect([again.status, again.body.id]).toEqual([201, first.body.id]);
    expect(await tasks()).toBe(before);
  });

  test('is forgotten when it was refused, because it changed nothing', async () => {
    const key = nextKey();
    expect((await create(key, { name: '' })).status).toBe(400);
    expect((await create(key)).status).toBe(201);
  });

  test('may be made again after a day', async () => {
    const key = nextKey();
    const first = await create(key);
    await on.admin`update idempotency_keys set expires_at = now() - interval '1 second' where key = ${key}`;
    const second = await create(key, { name: 'Another' });
    expect(second.status).toBe(201);
    expect(second.body.id).not.toBe(first.body.id);
  });

  test('does not share its key with other users', async () => {
    const key = nextKey();
    const first = await create(key);
    const eve = await api.register();
    const hers = await create(key, { name: 'Task' }, eve);
    expect(hers.status).toBe(201);
    expect(hers.body.id).not.toBe(first.body.id);
  });

  test('works on every POST', async () => {
    const key = nextKey();
    const make = () => ada.ask('POST', '/api/organizations/', { name: 'Once' }, { 'idempotency-key': key });
    const [first, again] = [await make(), await make()];
    expect(again.body).toEqual(first.body);
    const { body: task } = await create(nextKey(), { name: 'Task' });
    const cancel = nextKey();
    for (let times = 0; times < 2; times += 1) {
      const answer = await ada.ask('POST', `/api/tasks/${task.id}/cancel/`, undefined, {
        'idempotency-key': cancel,
      });
      expect(answer).toMatchObject({ status: 200, body: { status: 'CANCELLED' } });
    }
  });

  for (const key of ['', 'with space', 'x'.repeat(256), 'ümlaut']) {
    test(`whose key is ${key.slice(0, 12) || 'empty'}… is refused`, async () => {
      const answer = await create(encodeURI(key) === key ? key : 'with space');
      expect(answer).toMatchObject({
        status: 400,
        body: { errors: [{ in: 'header', pointer: '/idempotency-key' }] },
      });
    });
  }

  test('of 255 characters is taken', async () => {
    expect((await create('x'.repeat(255))).status).toBe(201);
  });
});
