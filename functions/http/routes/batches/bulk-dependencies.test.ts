import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { force } from '../../../tasks/verification/fixtures.ts';
import { apiFunction, type Client } from '../../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
});
beforeEach(async () => {
  ada = await api.register();
  api.woken.length = 0;
});
afterAll(() => on.close());

const bulk = (tasks: readonly object[], more: object = {}) =>
  ada.ask('POST', '/api/tasks/bulk/', { tasks, ...more });
const created = async (status?: 'FAILED' | 'COMPLETED'): Promise<string> => {
  const { body } = await ada.ask('POST', '/api/tasks/', { name: 'First' });
  if (status) await force(on.admin, body.id, status);
  return body.id;
};
const rowsOf = (batch: string) => on.admin`
  select t.id, t.status, (select array_agg(d.depends_on order by d.depends_on) from task_dependencies d where d.task_id = t.id) as awaits
  from tasks t where t.batch_id = ${batch} order by t.id`;
const NOBODY = '01a1fcfc-58b2-74c3-997b-0cb650307219';

describe('tasks of a bulk request that depend on others', () => {
  test('wait as in single requests, and only the other tasks get a message', async () => {
    const [open, done] = [await created(), await created('COMPLETED')];
    api.woken.length = 0;
    const { status, body } = await bulk([
      { name: 'waits', depends_on: [open, done] },
      { name: 'runs', depends_on: [done] },
      { name: 'free' },
    ]);
    expect(status).toBe(201);
    const rows = await rowsOf(body.batch.id);
    expect(rows.map((row) => row.status)).toEqual(['PENDING', 'SCHEDULED', 'SCHEDULED']);
    expect(rows.map((row) => row.awaits)).toEqual([[open, done].toSorted(), [done], null]);
    expect(api.woken.flatMap(({ ids }) => [...ids])).toEqual(rows.slice(1).map(({ id }) => id));
    const [row] = await on.admin`select has_dependents from tasks where id = ${open}`;
    expect(row?.has_dependents).toBe(true);
  });

  test('are refused with all others, by their places, when a dependency does not exist', async () => {
    const open = await created();
    const { status, body } = await bulk([
      { name: 'a' },
      { name: 'b', depends_on: [open, NOBODY] },
      { name: 'c', depends_on: [NOBODY] },
    ]);
    expect([status, body.code]).toEqual([404, 'dependency_not_found']);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/tasks/1/depends_on/1',
      '/tasks/2/depends_on/0',
    ]);
    expect((await ada.ask('GET', '/api/batches/')).body.results).toEqual([]);
  });

  test('are refused with all others when a task that they depend on has failed', async () => {
    const failed = await created('FAILED');
    const { status, body } = await bulk([{ name: 'a' }, { name: 'b', depends_on: [failed] }]);
    expect([status, body.code, body.task]).toEqual([409, 'dependency_failed', failed]);
    expect(body.errors).toMatchObject([{ pointer: '/tasks/1/depends_on/0' }]);
  });

  test('are left out with `partial` when they cannot wait, and the others are created', async () => {
    const [open, failed] = [await created(), await created('FAILED')];
    const { status, body } = await bulk(
      [
        { name: '' },
        { name: 'a', depends_on: [failed] },
        { name: 'b', depends_on: [NOBODY, open] },
        { name: 'c', depends_on: [open] },
      ],
      { partial: true },
    );
    expect([status, body.created]).toEqual([201, 1]);
    const pointers = body.results.map((result: { errors?: { pointer: string }[] }) =>
      result.errors?.map(({ pointer }) => pointer),
    );
    expect(pointers).toEqual([
      ['/tasks/0/name'],
      ['/tasks/1/depends_on/0'],
      ['/tasks/2/depends_on/0'],
      undefined,
    ]);
    expect((await rowsOf(body.batch.id)).map((row) => row.status)).toEqual(['PENDING']);
  });

  test('are created by the same number of statements as one, and all wait', async () => {
    const open = await created();
    const { status, body } = await bulk(
      Array.from({ length: 2_000 }, () => ({ name: 'x', depends_on: [open] })),
    );
    expect(status).toBe(201);
    const [row] = await on.admin`
      select count(*)::int as n from task_dependencies d join tasks t on t.id = d.task_id
      where t.batch_id = ${body.batch.id} and d.depends_on = ${open} and t.status = 'PENDING'`;
    expect(row).toEqual({ n: 2_000 });
  });

  test('follow the rules of single requests', async () => {
    const { body } = await bulk([
      { name: 'a', depends_on: [] },
      { name: 'b', depends_on: [NOBODY, NOBODY] },
    ]);
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
      '/tasks/0/depends_on',
      '/tasks/1/depends_on',
    ]);
  });
});

describe('tasks of a bulk request that refer to each other', () => {
  const edgesOf = (batch: string) => on.admin`
    select t.name as task, p.name as after from task_dependencies d
    join tasks t on t.id = d.task_id join tasks p on p.id = d.depends_on
    where t.batch_id = ${batch} order by t.name, p.name`;
  const idsIn = async (batch: string): Promise<string[]> =>
    (await on.admin`select id from tasks where batch_id = ${batch} order by id`).map(({ id }) => id);

  test('wait for each other, in any order, and only those that wait for none get a message', async () => {
    const open = await created();
    api.woken.length = 0;
    const { status, body } = await bulk([
      { name: 'sum', depends_on: { left: '#a', right: '#b' } },
      { name: 'a', ref: 'a', depends_on: ['#c', open] },
      { name: 'b', ref: 'b', depends_on: ['#c'], on_failure: 'run' },
      { name: 'c', ref: 'c' },
    ]);
    expect([status, body.created]).toEqual([201, 4]);
    expect((await rowsOf(body.batch.id)).map((row) => row.status)).toEqual([
      ...['PENDING', 'PENDING', 'PENDING'],
      'SCHEDULED',
    ]);
    expect([...(await edgesOf(body.batch.id))]).toEqual([
      { task: 'a', after: 'First' },
      { task: 'a', after: 'c' },
      { task: 'b', after: 'c' },
      { task: 'sum', after: 'a' },
      { task: 'sum', after: 'b' },
    ]);
    const [sum, a, b, c] = await idsIn(body.batch.id);
    expect(api.woken.flatMap(({ ids }) => [...ids])).toEqual([c]);
    expect((await ada.ask('GET', `/api/tasks/${sum}/`)).body).toMatchObject({
      ref: null,
      inputs: { left: a, right: b },
    });
    expect((await ada.ask('GET', `/api/tasks/${b}/`)).body).toMatchObject({ ref: 'b', on_failure: 'run' });
    const rows = await on.admin`
      select has_dependents as awaited from tasks where batch_id = ${body.batch.id} order by id`;
    expect(rows.map(({ awaited }) => awaited)).toEqual([false, true, true, true]);
  });

  test('are the same tasks when the request is repeated with its key', async () => {
    const tasks = [
      { name: 'b', depends_on: ['#a'] },
      { name: 'a', ref: 'a' },
    ];
    const key = { 'Idempotency-Key': randomUUID() };
    const [first, second] = [
      await ada.ask('POST', '/api/tasks/bulk/', { tasks }, key),
      await ada.ask('POST', '/api/tasks/bulk/', { tasks }, key),
    ];
    expect(second.body.batch.id).toBe(first.body.batch.id);
    expect(await edgesOf(first.body.batch.id)).toHaveLength(1);
  });

  test.each([
    [
      'a cycle',
      [
        { name: 'x', depends_on: ['#a'] },
        { name: 'a', ref: 'a', depends_on: ['#b'] },
        { name: 'b', ref: 'b', depends_on: { in: '#a' } },
      ],
      {
        '/tasks/0/depends_on/0': 'The task #a is not created',
        '/tasks/1/depends_on/0': 'Must not wait for itself: a → b → a',
        '/tasks/2/depends_on/in': 'Must not wait for itself: b → a → b',
      },
    ],
    [
      'an unknown name',
      [
        { name: 'a', ref: 'a' },
        { name: 'b', depends_on: ['#a', '#c'] },
      ],
      { '/tasks/1/depends_on/1': 'No task of this request has the ref c' },
    ],
    [
      'a name that stands twice',
      [
        { name: 'a', ref: 'a' },
        { name: 'b', ref: 'a' },
      ],
      {
        '/tasks/0/ref': 'Another task of this request has the ref a',
        '/tasks/1/ref': 'Another task of this request has the ref a',
      },
    ],
  ])('are refused with %s, at its fields, and nothing is created', async (_, tasks, errors) => {
    const { status, body } = await bulk(tasks);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(
      Object.fromEntries(
        body.errors.map(({ pointer, detail }: { pointer: string; detail: string }) => [pointer, detail]),
      ),
    ).toEqual(errors);
    expect((await ada.ask('GET', '/api/batches/')).body.results).toEqual([]);
  });

  test('are refused when the id is that of another organization, whatever their names are', async () => {
    const eve = await api.register();
    const { body: hers } = await eve.ask('POST', '/api/tasks/', { name: 'Hers' });
    const { status, body } = await bulk([
      { name: 'a', ref: 'a' },
      { name: 'b', depends_on: { mine: '#a', hers: hers.id } },
    ]);
    expect([status, body.code]).toEqual([404, 'dependency_not_found']);
    expect(body.errors).toMatchObject([{ pointer: '/tasks/1/depends_on/hers' }]);
    expect((await ada.ask('GET', '/api/batches/')).body.results).toEqual([]);
  });

  test('are left out with `partial` together with all that wait for them', async () => {
    const failed = await created('FAILED');
    await ada.ask('POST', '/api/tasks/', { name: 'Holder', unique_key: 'taken' });
    const { body } = await bulk(
      [
        { name: 'lost', ref: 'lost', depends_on: [failed] },
        { name: 'after lost', ref: 'after', depends_on: ['#lost'] },
        { name: 'after after', depends_on: { one: '#after', other: '#fine' } },
        { name: 'keyed', ref: 'keyed', unique_key: 'taken' },
        { name: 'after keyed', depends_on: ['#keyed'], on_failure: 'run' },
        { name: '', ref: 'bad' },
        { name: 'after bad', depends_on: ['#bad'] },
        { name: 'fine', ref: 'fine', unique_key: 'free' },
        { name: 'after fine', depends_on: ['#fine'] },
      ],
      { partial: true },
    );
    expect(body.created).toBe(2);
    const pointers = body.results.map((result: { errors?: { pointer: string }[] }) =>
      result.errors?.map(({ pointer }) => pointer),
    );
    expect(pointers).toEqual([
      ['/tasks/0/depends_on/0'],
      ['/tasks/1/depends_on/0'],
      ['/tasks/2/depends_on/one'],
      ['/tasks/3/unique_key'],
      ['/tasks/4/depends_on/0'],
      ['/tasks/5/name'],
      ['/tasks/6/depends_on/0'],
      undefined,
      undefined,
    ]);
    expect([...(await edgesOf(body.batch.id))]).toEqual([{ task: 'after fine', after: 'fine' }]);
  });

  test('may be 10,000, each of which waits for the one before it', async () => {
    const { status, body } = await bulk(
      Array.from({ length: 10_000 }, (_, n) => ({
        name: 'x',
        ref: `t${n}`,
        ...(n > 0 && { depends_on: [`#t${n - 1}`] }),
      })),
    );
    expect([status, body.created]).toEqual([201, 10_000]);
    const [row] = await on.admin`
      select count(*) filter (where status = 'PENDING')::int as waiting, count(*) filter (where has_dependents)::int as awaited
      from tasks where batch_id = ${body.batch.id}`;
    expect(row).toEqual({ waiting: 9_999, awaited: 9_999 });
  });
});

test('a ref has 64 characters at most, and the name of a dependency 50', async () => {
  const tasks = (ref: number, name: number) => [
    { name: 'a', ref: 'r'.repeat(ref) },
    { name: 'b', depends_on: { ['n'.repeat(name)]: `#${'r'.repeat(ref)}` } },
  ];
  expect((await bulk(tasks(64, 50))).status).toBe(201);
  const { body } = await bulk(tasks(65, 51));
  expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual([
    '/tasks/0/ref',
    `/tasks/1/depends_on/${'n'.repeat(51)}`,
  ]);
});

describe('names of tasks in requests that create one', () => {
  test('are refused: there is no other task to name', async () => {
    const named = await ada.ask('POST', '/api/tasks/', { name: 'a', ref: 'a' });
    expect(named.body.errors).toMatchObject([{ pointer: '/ref' }]);
    const naming = await ada.ask('POST', '/api/tasks/', { name: 'a', depends_on: ['#a'] });
    expect(naming.body.errors).toMatchObject([{ pointer: '/depends_on/0', detail: 'Must be a UUID' }]);
  });
});
