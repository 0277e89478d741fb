import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { force } from '../../../tasks/verification/fixtures.ts';
import { apiFunction, type Client } from '../../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;
beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
});
afterAll(() => on.close());

const graph = async (batch: string, query = '') =>
  (await ada.ask('GET', `/api/batches/${batch}/graph/${query}`)).body;

/** Creates a batch. @returns its id, and the ids of its tasks in order */
async function batchOf(tasks: readonly object[]): Promise<{ id: string; ids: string[] }> {
  const { body } = await ada.ask('POST', '/api/tasks/bulk/', { tasks });
  const rows = await on.admin`select id from tasks where batch_id = ${body.batch.id} order by id`;
  return { id: body.batch.id, ids: rows.map(({ id }) => id) };
}

test('the graph of a batch has its tasks, and all that they depend on, also outside of it', async () => {
  const { body: outside } = await ada.ask('POST', '/api/tasks/', { name: 'Outside' });
  const {
    id,
    ids: [sum, a, b],
  } = await batchOf([
    { name: 'Sum', depends_on: { left: '#a', right: '#b' }, on_failure: 'run' },
    { name: 'A', ref: 'a', depends_on: [outside.id] },
    { name: 'B', ref: 'b', kind: 'http.request', payload: { url: 'https://example.com/' } },
  ]);
  await force(on.admin, b ?? '', 'FAILED');
  const { nodes, edges, next_cursor } = await graph(id);
  expect(nodes).toEqual([
    { id: sum, name: 'Sum', ref: null, kind: 'data.process', status: 'PENDING', on_failure: 'run' },
    { id: a, name: 'A', ref: 'a', kind: 'data.process', status: 'PENDING', on_failure: 'cancel' },
    { id: b, name: 'B', ref: 'b', kind: 'http.request', status: 'FAILED', on_failure: 'cancel' },
  ]);
  expect(edges).toEqual([
    { task: sum, depends_on: a, as: 'left' },
    { task: sum, depends_on: b, as: 'right' },
    { task: a, depends_on: outside.id, as: null },
  ]);
  expect(next_cursor).toBeNull();
});

test('it is read in pages, each task with all its edges', async () => {
  const { id, ids } = await batchOf([
    { name: 'a', ref: 'a', depends_on: ['#c'] },
    { name: 'b', depends_on: ['#a', '#c'] },
    { name: 'c', ref: 'c' },
  ]);
  const first = await graph(id, '?limit=2');
  expect(first.nodes.map((node: { id: string }) => node.id)).toEqual(ids.slice(0, 2));
  expect(first.edges).toHaveLength(3);
  const second = await graph(id, `?limit=2&cursor=${first.next_cursor}`);
  expect(second.nodes.map((node: { id: string }) => node.id)).toEqual(ids.slice(2));
  expect([second.edges, second.next_cursor]).toEqual([[], null]);
  expect((await ada.ask('GET', `/api/batches/${id}/graph/?limit=1001`)).status).toBe(400);
});

test('a full page with as many edges as there may be is answered', async () => {
  const names = Array.from({ length: 20 }, (_, n) => `n${n}`);
  const sources = names.map((name) => ({ name: '𝔫'.repeat(200), ref: name }));
  const dependsOn = Object.fromEntries(names.map((name) => [name.padEnd(50, 'x'), `#${name}`]));
  const { id } = await batchOf([
    ...sources,
    ...Array.from({ length: 1_000 }, () => ({ name: '𝔫'.repeat(200), depends_on: dependsOn })),
  ]);
  const seen = { nodes: 0, edges: 0 };
  for (let cursor = ''; ; ) {
    const { nodes, edges, next_cursor } = await graph(id, `?limit=1000${cursor}`);
    seen.nodes += nodes.length;
    seen.edges += edges.length;
    expect(JSON.stringify({ nodes, edges }).length).toBeLessThan(6_000_000);
    if (next_cursor === null) break;
    cursor = `&cursor=${next_cursor}`;
  }
  expect(seen).toEqual({ nodes: 1_020, edges: 20_000 });
});

test('a task without its batch, and a batch of another user, are not found', async () => {
  const { id } = await batchOf([{ name: 'Mine' }]);
  const eve = await api.register();
  expect((await eve.ask('GET', `/api/batches/${id}/graph/`)).status).toBe(404);
});
