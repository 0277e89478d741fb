import { describe, expect, test } from 'vitest';
import type { ImportPorts } from '../kinds/batch-import/ports.ts';
import { force } from '../verification/fixtures.ts';
import { type Begun, importStage } from './testing/import-stage.ts';

const stage = importStage();
const { begin, run, takeBack, tasksOf } = stage;

describe('lines that depend on tasks', () => {
  const NOBODY = '01a1fcfc-58b2-74c3-997b-0cb650307219';
  const created = async (status?: 'FAILED' | 'COMPLETED'): Promise<string> => {
    const { body } = await stage.ada.ask('POST', '/api/tasks/', { name: 'First' });
    if (status) await force(stage.on.admin, body.id, status);
    return body.id;
  };
  const awaits = async (begun: Begun) =>
    stage.on.admin`
      select t.name, t.status, (select array_agg(d.depends_on order by d.depends_on) from task_dependencies d where d.task_id = t.id) as awaits
      from tasks t where t.batch_id = ${begun.batch} order by t.id`;
  const ndjson = (...tasks: object[]) => tasks.map((task) => JSON.stringify(task)).join('\n');

  test('wait for them, and only the others get a message', async () => {
    const [open, done] = [await created(), await created('COMPLETED')];
    const text = ndjson(
      { name: 'waits', depends_on: [open, done] },
      { name: 'runs', depends_on: [done] },
      { name: 'free' },
    );
    const begun = await begin(text);
    expect(await run(begun)).toMatchObject({ created: 3, bad_lines: 0 });
    expect(await awaits(begun)).toEqual([
      { name: 'waits', status: 'PENDING', awaits: [open, done].toSorted() },
      { name: 'runs', status: 'SCHEDULED', awaits: [done] },
      { name: 'free', status: 'SCHEDULED', awaits: null },
    ]);
    expect(stage.woken.flatMap(({ ids }) => ids)).toHaveLength(2);
    const [row] = await stage.on.admin`select has_dependents from tasks where id = ${open}`;
    expect(row?.has_dependents).toBe(true);
  });

  test('work in CSV and in the defaults, too', async () => {
    const [open, other] = [await created(), await created()];
    const csv = `name,depends_on\na,"[""${open}""]"\nb,`;
    const begun = await begin(csv, { format: 'csv', defaults: { depends_on: [other] } });
    await run(begun);
    expect(await awaits(begun)).toMatchObject([{ awaits: [open] }, { awaits: [other] }]);
  });

  test('are invalid when the organization has no such task, or it has failed', async () => {
    const eve = await stage.api.register();
    const { body: hers } = await eve.ask('POST', '/api/tasks/', { name: 'Hers' });
    const [open, failed] = [await created(), await created('FAILED')];
    const text = ndjson(
      { name: 'a', depends_on: [open, NOBODY] },
      { name: 'b', depends_on: [failed] },
      { name: 'c', depends_on: [hers.id] },
      { name: 'd', depends_on: [] },
      { name: 'e', depends_on: [open] },
    );
    const pointers = [
      {
        line: 1,
        errors: [{ pointer: '/depends_on/1', detail: 'There is no such task in the organization' }],
      },
      { line: 2, errors: [{ pointer: '/depends_on/0', detail: expect.stringContaining('FAILED') }] },
      {
        line: 3,
        errors: [{ pointer: '/depends_on/0', detail: 'There is no such task in the organization' }],
      },
      { line: 4, errors: [{ pointer: '/depends_on', detail: expect.any(String) }] },
    ];
    const refused = await begin(text);
    await expect(run(refused)).rejects.toMatchObject({
      code: 'lines_invalid',
      details: { bad_lines: 4, first_bad_lines: expect.arrayContaining(pointers) },
    });
    expect(await tasksOf(refused)).toEqual([]);
    const partial = await begin(text, { partial: true });
    expect(await run(partial)).toMatchObject({
      created: 1,
      bad_lines: 4,
      first_bad_lines: expect.arrayContaining(pointers),
    });
    expect(await awaits(partial)).toMatchObject([{ name: 'e', status: 'PENDING', awaits: [open] }]);
  });

  test('get no task when a dependency fails between check and writing, and are named', async () => {
    const [open, other] = [await created(), await created()];
    const begun = await begin(ndjson({ name: 'a', depends_on: [open] }, { name: 'b', depends_on: [other] }));
    const late: ImportPorts = {
      ...stage.ports,
      insert: async (...given) => {
        await force(stage.on.admin, open, 'FAILED');
        return stage.ports.insert(...given);
      },
    };
    expect(await run(begun, late)).toMatchObject({
      created: 1,
      bad_lines: 1,
      first_bad_lines: [{ line: 1, errors: [{ pointer: '/depends_on/0' }] }],
    });
    expect(await awaits(begun)).toMatchObject([{ name: 'b', awaits: [other] }]);
  });

  test('that an earlier attempt left out are named by the next attempt', async () => {
    const open = await created();
    const text = ndjson({ name: 'a', depends_on: [open] }, { name: 'b' });
    const begun = await begin(text, { partial: true });
    const dying: ImportPorts = {
      ...stage.ports,
      insert: async (...given) => {
        await force(stage.on.admin, open, 'FAILED');
        await stage.ports.insert(...given);
        throw new Error('killed');
      },
    };
    await expect(run(begun, dying)).rejects.toThrow();
    await takeBack(begun);
    expect(await run(begun)).toMatchObject({
      created: 1,
      bad_lines: 1,
      first_bad_lines: [{ line: 1, errors: [{ pointer: '/depends_on' }] }],
    });
  });
});
