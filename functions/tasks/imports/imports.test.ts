import { describe, expect, test } from 'vitest';
import type { ImportPorts } from '../kinds/batch-import/ports.ts';
import { newTask } from '../verification/fixtures.ts';
import { importStage, lines } from './testing/import-stage.ts';

const stage = importStage();
const { begin, run, batchNow, tasksOf } = stage;

describe('an import', () => {
  test('has a batch at once, and its tasks when it has ended', async () => {
    const begun = await begin(lines(4_500), { name: 'Letters', queue: 'interactive' });
    expect(await batchNow(begun)).toMatchObject({
      name: 'Letters',
      status: 'importing',
      total: 0,
      progress: 0,
    });
    await stage.on.admin`update batches set watchers = '{one}' where id = ${begun.batch}`;
    expect(await run(begun)).toEqual({
      batch: begun.batch,
      lines: 4_500,
      created: 4_500,
      bad_lines: 0,
      first_bad_lines: [],
    });
    expect(await batchNow(begun)).toMatchObject({ status: 'running', total: 4_500, waiting: 4_500 });
    const rows = await tasksOf(begun);
    expect(rows.map(({ name }) => name)).toEqual(Array.from({ length: 4_500 }, (_, n) => `Task ${n}`));
    expect(rows[0]).toMatchObject({
      organization_id: stage.ada.organizationId,
      created_by: stage.ada.userId,
      queue: 'interactive',
      status: 'SCHEDULED',
    });
    expect(new Set(stage.woken.flatMap(({ ids }) => [...ids])).size).toBe(4_500);
    expect(stage.announced.map(({ total, sealed }) => [total, sealed])).toEqual([
      [2_000, false],
      [4_000, false],
      [4_500, false],
      [4_500, true],
    ]);
    expect(await stage.events.published()).toEqual([]);
    // The upload is removed, and the tasks are found like those of any batch.
    expect([...stage.api.objects.keys()].filter((key) => key.includes(stage.ada.organizationId))).toEqual([]);
    const { body } = await stage.ada.ask('GET', `/api/tasks/?batch=${begun.batch}&limit=200`);
    expect(body.results).toHaveLength(200);
  });

  test('finishes its batch when all of its tasks have ended before it', async () => {
    const begun = await begin(lines(1));
    const late: ImportPorts = {
      ...stage.ports,
      insert: async (...given) => {
        const left = await stage.ports.insert(...given);
        const [task] = await tasksOf(begun);
        await stage.ada.ask('POST', `/api/tasks/${task?.id}/cancel/`);
        return left;
      },
    };
    await run(begun, late);
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', cancelled: 1 });
    expect(await stage.events.published()).toMatchObject([{ type: 'batch.finished', subject: begun.batch }]);
  });

  test('fills in missing fields from the defaults, also fields of the payload', async () => {
    const defaults = {
      kind: 'http.request',
      payload: { url: 'https://example.com/', method: 'POST' },
      max_retries: 1,
      name: 'Default',
    };
    const text = lines(2, (n) =>
      n === 0 ? {} : { name: 'Own', payload: { method: 'PUT' }, max_retries: 2 },
    );
    const begun = await begin(text, { defaults });
    await run(begun);
    expect(await tasksOf(begun)).toMatchObject([
      { name: 'Default', kind: 'http.request', payload: defaults.payload, max_retries: 1 },
      { name: 'Own', payload: { url: 'https://example.com/', method: 'PUT' }, max_retries: 2 },
    ]);
  });

  test('of CSV takes fields by their columns', async () => {
    const csv = [
      '\ufeffname,kind,payload.url,payload.timeout_seconds:json,scheduled_time,max_retries,unique_key',
      'one,http.request,https://example.com/1,5,2030-01-01T00:00:00Z,7,a',
      '',
      '"two, with ""quotes""\nand lines",,,,,,',
      'three,http.request,https://example.com/3,,,,',
    ].join('\r\n');
    const begun = await begin(csv, { format: 'csv', partial: true });
    const result = await run(begun);
    expect(result).toMatchObject({ lines: 3, created: 2, bad_lines: 1, first_bad_lines: [{ line: 5 }] });
    expect(await tasksOf(begun)).toMatchObject([
      {
        name: 'one',
        payload: { url: 'https://example.com/1', timeout_seconds: 5 },
        max_retries: 7,
        unique_key: 'a',
      },
      { name: 'three', payload: { url: 'https://example.com/3' }, max_retries: 3, unique_key: null },
    ]);
  });

  test('creates nothing when a line is invalid, and names every invalid line with its errors', async () => {
    const bad = [
      '{"name":',
      '[]',
      '{"name":"x","queue":"bulk"}',
      `{"name":"${'x'.repeat(262_144)}"}`,
      '{"name":"\\u0000"}',
    ];
    const begun = await begin(['{"name":"fine"}', '', ...bad, '   ', '{"name":"fine"}'].join('\n'));
    const error = await run(begun).catch((thrown) => thrown);
    expect(error).toMatchObject({
      name: 'PermanentError',
      code: 'lines_invalid',
      details: { lines: 7, bad_lines: 5 },
    });
    const told = error.details.first_bad_lines as { line: number; errors: { pointer: string }[] }[];
    expect(told.map(({ line, errors }) => [line, errors[0]?.pointer])).toEqual([
      [3, ''],
      [4, ''],
      [5, '/queue'],
      [6, ''],
      [7, '/name'],
    ]);
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 0, progress: 1 });
    expect(await tasksOf(begun)).toEqual([]);
    const { body } = await stage.ada.ask('GET', `/api/batches/${begun.batch}/report/`);
    expect(body.url).toContain(`reports/${stage.ada.organizationId}/${begun.batch}`);
    const report =
      stage.api.objects
        .get(`reports/${stage.ada.organizationId}/${begun.batch}`)
        ?.toString()
        .trim()
        .split('\n') ?? [];
    expect(report.map((line) => JSON.parse(line).line)).toEqual([3, 4, 5, 6, 7]);
  });

  test('with thousands of invalid lines lists the first, and all in the report', async () => {
    const text = lines(3_000, (n) => (n % 2 ? { name: 'x' } : { nam: 'x' }));
    const begun = await begin(text, { partial: true });
    const result = (await run(begun)) as { first_bad_lines: { line: number }[] };
    expect(result).toMatchObject({ lines: 3_000, created: 1_500, bad_lines: 1_500 });
    expect(result.first_bad_lines.map(({ line }) => line)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => 2 * n + 1),
    );
    const report = stage.api.objects
      .get(`reports/${stage.ada.organizationId}/${begun.batch}`)
      ?.toString()
      .trim()
      .split('\n');
    expect(report).toHaveLength(1_500);
    const refused = await begin(text);
    const error = await run(refused).catch((thrown) => thrown);
    expect(error.details.first_bad_lines).toHaveLength(100);
  });

  test('names lines whose unique key is taken, by a live task or by an earlier line', async () => {
    await stage.ada.ask('POST', '/api/tasks/', {
      name: 'x',
      unique_key: 'a',
      scheduled_time: '2030-01-01T00:00:00Z',
    });
    const text = lines(5, (n) => ({ name: 'x', unique_key: ['a', 'b', 'c', 'b', 'd'][n] }));
    const begun = await begin(text, { partial: true });
    const result = (await run(begun)) as { first_bad_lines: { line: number }[] };
    expect(result).toMatchObject({ created: 3, bad_lines: 2 });
    expect(result.first_bad_lines.map(({ line }) => line)).toEqual([1, 4]);
  });

  test.each([
    ['nothing', '', 'ndjson', 'upload_empty'],
    ['a header alone', 'name,kind\n', 'csv', 'upload_empty'],
    ['an unknown column', 'name,colour\nx,red\n', 'csv', 'csv_invalid'],
    ['a quote that stays open', 'name\n"x\n', 'csv', 'csv_invalid'],
  ])('of %s fails, and its batch is over', async (_what, text, format, code) => {
    const begun = await begin(text || '\n', { format });
    await expect(run(begun)).rejects.toMatchObject({ code });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 0 });
  });

  test('of more than a million lines is refused before anything is written', {
    timeout: 60_000,
  }, async () => {
    const begun = await begin('{"name":"x"}');
    const thousand = Buffer.from('1\n'.repeat(1_000));
    const task = newTask();
    const large: ImportPorts = {
      ...stage.ports,
      open: async () => ({
        bytes: 2_000_001,
        content: (async function* () {
          for (let n = 0; n < 1_000; n += 1) yield thousand;
          yield Buffer.from('1');
        })(),
      }),
      read: () => task,
    };
    await expect(run(begun, large)).rejects.toMatchObject({ code: 'too_many_lines' });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 0 });
  });
});
