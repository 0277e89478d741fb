import { describe, expect, test } from 'vitest';
import type { ImportPorts } from '../kinds/batch-import/ports.ts';
import * as store from '../store/index.ts';
import { DISPATCH } from '../verification/fixtures.ts';
import { endAbandonedImports } from './imports.ts';
import { importStage, lines } from './testing/import-stage.ts';

const stage = importStage();
const { begin, run, dyingAt, takeBack, fail, take, batchNow, tasksOf } = stage;

describe('an import', () => {
  test('continues after a dead attempt: every line becomes one task, counted once', async () => {
    const begun = await begin(lines(5_000, (n) => ({ name: `${n}`, unique_key: `k${n}` })));
    await expect(run(begun, dyingAt(2))).rejects.toThrow('interrupted');
    expect(await batchNow(begun)).toMatchObject({ status: 'importing', total: 2_000 });
    await takeBack(begun);
    const written: number[] = [];
    const counting: ImportPorts = {
      ...stage.ports,
      insert: (job, requests) => {
        written.push(requests.length);
        return stage.ports.insert(job, requests);
      },
    };
    expect(await run(begun, counting)).toMatchObject({ lines: 5_000, created: 5_000, bad_lines: 0 });
    expect(written).toEqual([2_000, 1_000]);
    const rows = await tasksOf(begun);
    expect(rows.map(({ name }) => name)).toEqual(Array.from({ length: 5_000 }, (_, n) => `${n}`));
  });

  test('succeeds even if its upload cannot be deleted', async () => {
    const begun = await begin(lines(3));
    const discard = () => Promise.reject(new Error('the bucket is away'));
    expect(await run(begun, { ...stage.ports, discard })).toMatchObject({ created: 3 });
  });

  test('names lines without a task, because their key was taken after the check', async () => {
    const begun = await begin(lines(2_001, (n) => ({ name: 'x', unique_key: `late-${n}` })));
    const overtaken: ImportPorts = {
      ...stage.ports,
      insert: async (...given) => {
        if (given[1].length > 1) await take('late-7');
        return stage.ports.insert(...given);
      },
    };
    expect(await run(begun, overtaken)).toEqual({
      batch: begun.batch,
      lines: 2_001,
      created: 2_000,
      bad_lines: 1,
      first_bad_lines: [{ line: 8, errors: [{ pointer: '/unique_key', detail: expect.any(String) }] }],
    });
    expect(
      stage.api.objects.get(`reports/${stage.ada.organizationId}/${begun.batch}`)?.toString().split('\n'),
    ).toHaveLength(2);
  });

  test.each([false, true])(
    'that has begun to write goes on when a key is taken, and names the line after all (partial: %s)',
    async (partial) => {
      const keyed = (n: number) => ({ name: 'x', unique_key: `goes-on-${partial}-${n}` });
      const begun = await begin(lines(5_000, keyed), { partial });
      const overtaken = dyingAt(2);
      const { insert } = overtaken;
      overtaken.insert = async (...given) => {
        // Left out by the attempt that dies.
        if (given[1][0]?.line === 1) await take(keyed(3).unique_key);
        return insert(...given);
      };
      await expect(run(begun, overtaken)).rejects.toThrow('interrupted');
      await takeBack(begun);
      // Left out by the attempt that continues.
      await take(keyed(4_000).unique_key);
      // A key of a task that is written and has ended. Another task has it now.
      await stage.on.admin`
        update tasks set status = 'COMPLETED', next_dispatch_at = null, finished_at = now(), attempt = 1, started_at = now(),
          result = '1'
        where batch_id = ${begun.batch} and unique_key = ${keyed(5).unique_key}`;
      await take(keyed(5).unique_key);
      const result = (await run(begun)) as { first_bad_lines: { line: number }[] };
      expect(result).toMatchObject({ lines: 5_000, created: 4_998, bad_lines: 2 });
      expect(result.first_bad_lines.map(({ line }) => line).toSorted((a, b) => a - b)).toEqual([4, 4_001]);
      expect((await tasksOf(begun)).length).toBe(4_998);
    },
  );

  test('whose worker died after the end reports all tasks', async () => {
    const begun = await begin(lines(3));
    await run(begun);
    await takeBack(begun);
    expect(await run(begun)).toEqual({ batch: begun.batch, created: 3 });
    expect(await batchNow(begun)).toMatchObject({ status: 'running', total: 3 });
  });

  test('that an outage interrupts writes the database’s message only to the log', async () => {
    const begun = await begin(lines(1));
    const error = new Error('relation "tasks" does not exist');
    const away = run(begun, { ...stage.ports, insert: () => Promise.reject(error) });
    await expect(away).rejects.toMatchObject({ message: 'The import was interrupted', cause: error });
  });

  test('that has failed continues when it is retried', async () => {
    const begun = await begin(lines(5_000));
    await expect(run(begun, dyingAt(2))).rejects.toThrow('interrupted');
    await fail(begun);
    await endAbandonedImports({ db: stage.on.as('dispatcher'), announceBatch: () => {} });
    expect(await batchNow(begun)).toMatchObject({ status: 'running', total: 2_000 });
    expect((await stage.ada.ask('POST', `/api/tasks/${begun.task}/retry/`)).status).toBe(200);
    const [row] = await tasksOf(begun);
    await stage.on.admin`update batches set watchers = '{one}' where id = ${begun.batch}`;
    expect(await run(begun)).toMatchObject({ lines: 5_000, created: 5_000 });
    expect(stage.announced.map(({ total, sealed }) => [total, sealed])).toEqual([
      [2_000, false],
      [4_000, false],
      [5_000, false],
      [5_000, true],
    ]);
    const rows = await tasksOf(begun);
    expect(new Set(rows.map(({ name }) => name)).size).toBe(5_000);
    expect(rows[0]).toEqual(row);
  });

  test('of invalid lines is checked again when it is retried, and fails in the same way', async () => {
    await take('freed');
    const begun = await begin(lines(2, (n) => ({ name: 'x', unique_key: n ? 'freed' : 'free' })));
    await expect(run(begun)).rejects.toMatchObject({ code: 'lines_invalid' });
    await fail(begun);
    await stage.ada.ask('POST', `/api/tasks/${begun.task}/retry/`);
    await expect(run(begun)).rejects.toMatchObject({ code: 'lines_invalid', details: { bad_lines: 1 } });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 0 });
    await fail(begun);
    const { results } = (await stage.ada.ask('GET', '/api/tasks/?status=SCHEDULED')).body;
    await stage.ada.ask('POST', `/api/tasks/${results[0].id}/cancel/`);
    await stage.ada.ask('POST', `/api/tasks/${begun.task}/retry/`);
    expect(await run(begun)).toMatchObject({ created: 2 });
  });

  test('is retried with its batch: cancelled tasks run again, and missing tasks are created', async () => {
    const begun = await begin(lines(3_000));
    await expect(run(begun, dyingAt(2))).rejects.toThrow('interrupted');
    expect((await stage.ada.ask('POST', `/api/batches/${begun.batch}/cancel/`)).body.changed).toBe(2_000);
    await fail(begun);
    await endAbandonedImports({ db: stage.on.as('dispatcher'), announceBatch: () => {} });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 2_000, cancelled: 2_000 });
    stage.woken = [];
    stage.api.woken.length = 0;
    const { body } = await stage.ada.ask('POST', `/api/batches/${begun.batch}/retry/`);
    expect(body).toMatchObject({ changed: 2_000, batch: { waiting: 2_000, cancelled: 0 } });
    expect(stage.api.woken.flatMap(({ ids }) => [...ids])).toContain(begun.task);
    expect(await run(begun)).toMatchObject({ lines: 3_000, created: 3_000 });
    expect(await batchNow(begun)).toMatchObject({ status: 'running', total: 3_000, waiting: 3_000 });
    // A second retry has nothing to do.
    await store.settle(
      stage.worker,
      [{ id: begun.task, attempt: 2, kind: 'complete', result: null }],
      DISPATCH,
    );
    expect((await stage.ada.ask('POST', `/api/batches/${begun.batch}/retry/`)).body.changed).toBe(0);
  });

  test('that another attempt has taken over writes nothing more', async () => {
    const begun = await begin(lines(10));
    const overtaken: ImportPorts = {
      ...stage.ports,
      insert: async (...given) => {
        await stage.on.admin`update tasks set attempt = attempt + 1 where id = ${begun.task}`;
        return stage.ports.insert(...given);
      },
    };
    await expect(run(begun, overtaken)).rejects.toThrow('another attempt has it');
    expect(await tasksOf(begun)).toEqual([]);
  });

  test('is cancelled with its batch: it writes nothing more, and its tasks are cancelled', async () => {
    const begun = await begin(lines(5_000));
    let chunks = 0;
    const cancelled: ImportPorts = {
      ...stage.ports,
      insert: async (...given) => {
        chunks += 1;
        if (chunks === 2)
          expect((await stage.ada.ask('POST', `/api/batches/${begun.batch}/cancel/`)).body.changed).toBe(
            2_000,
          );
        return stage.ports.insert(...given);
      },
    };
    await expect(run(begun, cancelled)).rejects.toThrow('cancelled');
    const dispatcher = stage.on.as('dispatcher');
    await endAbandonedImports({ db: dispatcher, announceBatch: stage.events.announceBatch });
    // According to its row, the import task still runs.
    expect(await batchNow(begun)).toMatchObject({ status: 'importing', total: 2_000, cancelled: 2_000 });
    await fail(begun, 'cancelled');
    expect(await stage.events.published()).toEqual([]);
    await endAbandonedImports({ db: dispatcher, announceBatch: stage.events.announceBatch });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 2_000, cancelled: 2_000 });
    expect(await stage.events.published()).toMatchObject([
      { type: 'batch.finished', subject: begun.batch, data: { total: 2_000, cancelled: 2_000 } },
    ]);
  });
});
