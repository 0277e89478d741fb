import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Stand, stand } from '../../../database/testing/stand.ts';
import { force } from '../../../tasks/verification/fixtures.ts';
import { apiFunction, type Client } from '../../testing/api-function.ts';

let on: Stand;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
beforeAll(async () => {
  on = await stand();
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
