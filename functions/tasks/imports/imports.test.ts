import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Stand, stand } from '../../database/testing/stand.ts';
import { apiFunction, type Client } from '../../http/testing/api-function.ts';
import { readTask } from '../commands/parse-task-request.ts';
import { importIds, LINES } from '../kinds/batch-import/import-ids.ts';
import type { ImportPorts } from '../kinds/batch-import/ports.ts';
import { importTask } from '../kinds/batch-import/run.ts';
import * as store from '../store/index.ts';
import type { WakeUp } from '../task.ts';
import { DISPATCH, force, newTask, recordedEvents } from '../verification/fixtures.ts';
import { endAbandonedImports, importPorts } from './imports.ts';

let on: Stand;
let api: ReturnType<typeof apiFunction>;
let worker: ReturnType<Stand['as']>;
let ada: Client;
let ports: ImportPorts;
let woken: WakeUp[];
let announced: store.WatchedBatch[];
let told: ReturnType<typeof recordedEvents>;

beforeAll(async () => {
  on = await stand();
  api = apiFunction(on);
  worker = on.as('worker');
});
beforeEach(async () => {
  ada = await api.register();
  [woken, announced, told] = [[], [], recordedEvents()];
  ports = importPorts({
    db: worker,
    artifacts: api.artifacts,
    dispatch: DISPATCH,
    enqueue: async (wakeUps) => {
      woken.push(...wakeUps);
      return [];
    },
    announceBatch(batch) {
      announced.push(batch);
      told.announceBatch(batch);
    },
    read: readTask,
  });
});
afterAll(() => on.close());

type Begun = { batch: string; task: string };

/** Uploads a text and asks for its import. */
async function begin(text: string, given: object = {}, who = ada): Promise<Begun> {
  const bytes = Buffer.byteLength(text);
  const { body: upload } = await who.ask('POST', '/api/uploads/', { format: 'ndjson', bytes });
  api.objects.set(`uploads/${ada.organizationId}/${upload.id}`, Buffer.from(text));
  const body = { upload: upload.id, format: 'ndjson', ...given };
  const answer = await who.ask('POST', '/api/batches/import/', body);
  expect([answer.status, answer.body.code]).toEqual([202, undefined]);
  return { batch: answer.body.batch.id, task: answer.body.task };
}

/** Runs the import as the worker does, in a claimed attempt. */
async function run({ task }: Begun, use = ports, signal = new AbortController().signal) {
  const { claimed } = await store.claim(worker, { ids: [task], leaseSeconds: 600, soonSeconds: 0 });
  const [row] = claimed;
  if (!row) throw new Error('not claimed');
  const progress: number[] = [];
  const result = await importTask(use).perform(row.payload, {
    signal,
    taskId: task,
    attempt: row.attempt,
    idempotencyKey: task,
    deadline: new Date(Date.now() + 60_000),
    fetch: () => Promise.reject(new Error('none')),
    progress: (fraction) => progress.push(fraction),
    log: () => {},
  });
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(progress.at(-1)).toBe(1);
  return result;
}

/** Ports of a worker that dies before it has written the n-th chunk. */
const dyingAt = (chunk: number): ImportPorts => {
  let chunks = 0;
  return {
    ...ports,
    insert: async (...given) => {
      chunks += 1;
      if (chunks === chunk) throw new Error('killed');
      return ports.insert(...given);
    },
  };
};

/** Rescues the task of a dead worker. */
const takeBack = ({ task }: Begun) =>
  on.admin`update tasks set status = 'SCHEDULED', lease_until = null, next_dispatch_at = now() where id = ${task}`;

/** Makes the attempt fail for good, as the engine does after an error. */
const fail = async ({ task }: Begun, code = 'boom') => {
  const [row] = await on.admin`select attempt from tasks where id = ${task}`;
  const error = { code, message: code };
  await store.settle(worker, [{ id: task, attempt: Number(row?.attempt), kind: 'fail', error }], DISPATCH);
};

/** Creates another task with a unique key. */
const take = async (key: string) => {
  const task = { name: 'x', unique_key: key, scheduled_time: '2030-01-01T00:00:00Z' };
  expect((await ada.ask('POST', '/api/tasks/', task)).status).toBe(201);
};

const lines = (count: number, of: (n: number) => object = (n) => ({ name: `Task ${n}` })) =>
  Array.from({ length: count }, (_, n) => JSON.stringify(of(n))).join('\n');
const batchNow = async ({ batch }: Begun) => (await ada.ask('GET', `/api/batches/${batch}/`)).body;
const tasksOf = ({ batch }: Begun) => on.admin`select * from tasks where batch_id = ${batch} order by id`;

describe('an import', () => {
  test('is a batch at once, and has its tasks when it is done', async () => {
    const begun = await begin(lines(4_500), { name: 'Letters', queue: 'interactive' });
    expect(await batchNow(begun)).toMatchObject({
      name: 'Letters',
      status: 'importing',
      total: 0,
      progress: 0,
    });
    await on.admin`update batches set watchers = '{one}' where id = ${begun.batch}`;
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
      organization_id: ada.organizationId,
      created_by: ada.userId,
      queue: 'interactive',
      status: 'SCHEDULED',
    });
    expect(new Set(woken.flatMap(({ ids }) => [...ids])).size).toBe(4_500);
    expect(announced.map(({ total, sealed }) => [total, sealed])).toEqual([
      [2_000, false],
      [4_000, false],
      [4_500, false],
      [4_500, true],
    ]);
    expect(await told.heard()).toEqual([]);
    // The upload is removed, and the tasks are found like those of any batch.
    expect([...api.objects.keys()].filter((key) => key.includes(ada.organizationId))).toEqual([]);
    const { body } = await ada.ask('GET', `/api/tasks/?batch=${begun.batch}&limit=200`);
    expect(body.results).toHaveLength(200);
  });

  test('says that its batch is finished when all that it wrote has ended before', async () => {
    const begun = await begin(lines(1));
    const late: ImportPorts = {
      ...ports,
      insert: async (...given) => {
        const left = await ports.insert(...given);
        const [task] = await tasksOf(begun);
        await ada.ask('POST', `/api/tasks/${task?.id}/cancel/`);
        return left;
      },
    };
    await run(begun, late);
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', cancelled: 1 });
    expect(await told.heard()).toMatchObject([{ type: 'batch.finished', subject: begun.batch }]);
  });

  test('fills in what lines do not say, of the payload field by field', async () => {
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

  test('creates nothing when a line is bad, and names every bad line and what is wrong', async () => {
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
    const { body } = await ada.ask('GET', `/api/batches/${begun.batch}/report/`);
    expect(body.url).toContain(`reports/${ada.organizationId}/${begun.batch}`);
    const report =
      api.objects.get(`reports/${ada.organizationId}/${begun.batch}`)?.toString().trim().split('\n') ?? [];
    expect(report.map((line) => JSON.parse(line).line)).toEqual([3, 4, 5, 6, 7]);
  });

  test('with thousands of bad lines spells out the first, and all in the report', async () => {
    const text = lines(3_000, (n) => (n % 2 ? { name: 'x' } : { nam: 'x' }));
    const begun = await begin(text, { partial: true });
    const result = (await run(begun)) as { first_bad_lines: { line: number }[] };
    expect(result).toMatchObject({ lines: 3_000, created: 1_500, bad_lines: 1_500 });
    expect(result.first_bad_lines.map(({ line }) => line)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => 2 * n + 1),
    );
    const report = api.objects
      .get(`reports/${ada.organizationId}/${begun.batch}`)
      ?.toString()
      .trim()
      .split('\n');
    expect(report).toHaveLength(1_500);
    const refused = await begin(text);
    const error = await run(refused).catch((thrown) => thrown);
    expect(error.details.first_bad_lines).toHaveLength(100);
  });

  test('names lines whose unique key is taken, by a live task or by an earlier line', async () => {
    await ada.ask('POST', '/api/tasks/', {
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
    const large: ImportPorts = {
      ...ports,
      open: async () => ({
        bytes: 2_000_001,
        content: (async function* () {
          for (let n = 0; n < 1_000; n += 1) yield thousand;
          yield Buffer.from('1');
        })(),
      }),
      read: () => newTask(),
    };
    await expect(run(begun, large)).rejects.toMatchObject({ code: 'too_many_lines' });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 0 });
  });

  test('whose attempt dies goes on where it was: every line is a task once, counted once', async () => {
    const begun = await begin(lines(5_000, (n) => ({ name: `${n}`, unique_key: `k${n}` })));
    await expect(run(begun, dyingAt(2))).rejects.toThrow('interrupted');
    expect(await batchNow(begun)).toMatchObject({ status: 'importing', total: 2_000 });
    await takeBack(begun);
    const written: number[] = [];
    const counting: ImportPorts = {
      ...ports,
      insert: (job, requests) => {
        written.push(requests.length);
        return ports.insert(job, requests);
      },
    };
    expect(await run(begun, counting)).toMatchObject({ lines: 5_000, created: 5_000, bad_lines: 0 });
    expect(written).toEqual([2_000, 1_000]);
    const rows = await tasksOf(begun);
    expect(rows.map(({ name }) => name)).toEqual(Array.from({ length: 5_000 }, (_, n) => `${n}`));
  });

  test('whose upload cannot be removed has been carried out all the same', async () => {
    const begun = await begin(lines(3));
    const discard = () => Promise.reject(new Error('the bucket is away'));
    expect(await run(begun, { ...ports, discard })).toMatchObject({ created: 3 });
  });

  test('names lines that get no task as somebody has taken their key since the check', async () => {
    const begun = await begin(lines(2_001, (n) => ({ name: 'x', unique_key: `late-${n}` })));
    const overtaken: ImportPorts = {
      ...ports,
      insert: async (...given) => {
        if (given[1].length > 1) await take('late-7');
        return ports.insert(...given);
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
      api.objects.get(`reports/${ada.organizationId}/${begun.batch}`)?.toString().split('\n'),
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
      await on.admin`
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

  test('whose worker died after the end says that all is there', async () => {
    const begun = await begin(lines(3));
    await run(begun);
    await takeBack(begun);
    expect(await run(begun)).toEqual({ batch: begun.batch, created: 3 });
    expect(await batchNow(begun)).toMatchObject({ status: 'running', total: 3 });
  });

  test('that an outage interrupts keeps what the database says for the log', async () => {
    const begun = await begin(lines(1));
    const error = new Error('relation "tasks" does not exist');
    const away = run(begun, { ...ports, insert: () => Promise.reject(error) });
    await expect(away).rejects.toMatchObject({ message: 'The import was interrupted', cause: error });
  });

  test('that has failed goes on where it was when it is retried', async () => {
    const begun = await begin(lines(5_000));
    await expect(run(begun, dyingAt(2))).rejects.toThrow('interrupted');
    await fail(begun);
    await endAbandonedImports({ db: on.as('dispatcher'), announceBatch: () => {} });
    expect(await batchNow(begun)).toMatchObject({ status: 'running', total: 2_000 });
    expect((await ada.ask('POST', `/api/tasks/${begun.task}/retry/`)).status).toBe(200);
    const [row] = await tasksOf(begun);
    await on.admin`update batches set watchers = '{one}' where id = ${begun.batch}`;
    expect(await run(begun)).toMatchObject({ lines: 5_000, created: 5_000 });
    expect(announced.map(({ total, sealed }) => [total, sealed])).toEqual([
      [2_000, false],
      [4_000, false],
      [5_000, false],
      [5_000, true],
    ]);
    const rows = await tasksOf(begun);
    expect(new Set(rows.map(({ name }) => name)).size).toBe(5_000);
    expect(rows[0]).toEqual(row);
  });

  test('of bad lines is checked once more when it is retried, and says the same', async () => {
    await take('freed');
    const begun = await begin(lines(2, (n) => ({ name: 'x', unique_key: n ? 'freed' : 'free' })));
    await expect(run(begun)).rejects.toMatchObject({ code: 'lines_invalid' });
    await fail(begun);
    await ada.ask('POST', `/api/tasks/${begun.task}/retry/`);
    await expect(run(begun)).rejects.toMatchObject({ code: 'lines_invalid', details: { bad_lines: 1 } });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 0 });
    await fail(begun);
    const { results } = (await ada.ask('GET', '/api/tasks/?status=SCHEDULED')).body;
    await ada.ask('POST', `/api/tasks/${results[0].id}/cancel/`);
    await ada.ask('POST', `/api/tasks/${begun.task}/retry/`);
    expect(await run(begun)).toMatchObject({ created: 2 });
  });

  test('is retried with its batch: what was cancelled runs again, and what was not there yet comes', async () => {
    const begun = await begin(lines(3_000));
    await expect(run(begun, dyingAt(2))).rejects.toThrow('interrupted');
    expect((await ada.ask('POST', `/api/batches/${begun.batch}/cancel/`)).body.changed).toBe(2_000);
    await fail(begun);
    await endAbandonedImports({ db: on.as('dispatcher'), announceBatch: () => {} });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 2_000, cancelled: 2_000 });
    woken = [];
    api.woken.length = 0;
    const { body } = await ada.ask('POST', `/api/batches/${begun.batch}/retry/`);
    expect(body).toMatchObject({ changed: 2_000, batch: { waiting: 2_000, cancelled: 0 } });
    expect(api.woken.flatMap(({ ids }) => [...ids])).toContain(begun.task);
    expect(await run(begun)).toMatchObject({ lines: 3_000, created: 3_000 });
    expect(await batchNow(begun)).toMatchObject({ status: 'running', total: 3_000, waiting: 3_000 });
    // A second retry has nothing to do.
    await store.settle(worker, [{ id: begun.task, attempt: 2, kind: 'complete', result: null }], DISPATCH);
    expect((await ada.ask('POST', `/api/batches/${begun.batch}/retry/`)).body.changed).toBe(0);
  });

  test('that another attempt has taken over writes nothing more', async () => {
    const begun = await begin(lines(10));
    const overtaken: ImportPorts = {
      ...ports,
      insert: async (...given) => {
        await on.admin`update tasks set attempt = attempt + 1 where id = ${begun.task}`;
        return ports.insert(...given);
      },
    };
    await expect(run(begun, overtaken)).rejects.toThrow('another attempt has it');
    expect(await tasksOf(begun)).toEqual([]);
  });

  test('is cancelled with its batch: it writes nothing after that, and what it wrote is cancelled', async () => {
    const begun = await begin(lines(5_000));
    let chunks = 0;
    const cancelled: ImportPorts = {
      ...ports,
      insert: async (...given) => {
        chunks += 1;
        if (chunks === 2)
          expect((await ada.ask('POST', `/api/batches/${begun.batch}/cancel/`)).body.changed).toBe(2_000);
        return ports.insert(...given);
      },
    };
    await expect(run(begun, cancelled)).rejects.toThrow('cancelled');
    const dispatcher = on.as('dispatcher');
    await endAbandonedImports({ db: dispatcher, announceBatch: told.announceBatch });
    // According to its row, the import task still runs.
    expect(await batchNow(begun)).toMatchObject({ status: 'importing', total: 2_000, cancelled: 2_000 });
    await fail(begun, 'cancelled');
    expect(await told.heard()).toEqual([]);
    await endAbandonedImports({ db: dispatcher, announceBatch: told.announceBatch });
    expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 2_000, cancelled: 2_000 });
    expect(await told.heard()).toMatchObject([
      { type: 'batch.finished', subject: begun.batch, data: { total: 2_000, cancelled: 2_000 } },
    ]);
  });
});

describe('the right to import is looked up when it is used', () => {
  const LOST: [what: string, lose: (bob: Client) => ReturnType<Client['ask']>][] = [
    [
      'is a member no more',
      (bob) => ada.ask('DELETE', `/api/organizations/${ada.organizationId}/members/${bob.userId}/`),
    ],
    [
      'is a viewer by now',
      (bob) =>
        ada.ask('PATCH', `/api/organizations/${ada.organizationId}/members/${bob.userId}/`, {
          role: 'viewer',
        }),
    ],
  ];
  /** Starts an import by a member of Ada's organization into it. */
  async function beginAsMember(text: string): Promise<{ begun: Begun; bob: Client }> {
    const bob = await api.register();
    const { organizationId: organization } = ada;
    await on.join({ userId: bob.userId, sessionId: '' }, organization, 'member');
    return { begun: await begin(text, { organization }, bob), bob };
  }

  for (const [what, lose] of LOST) {
    test(`a queued import of a user who ${what} makes no task, and fails for good`, async () => {
      const { begun, bob } = await beginAsMember(lines(3));
      expect((await lose(bob)).status).toBeLessThan(300);
      const unread: ImportPorts = { ...ports, open: () => Promise.reject(new Error('The upload was read')) };
      await expect(run(begun, unread)).rejects.toMatchObject({ code: 'import_forbidden' });
      expect(await tasksOf(begun)).toEqual([]);
      expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 0 });
    });

    test(`an import of a user who ${what} stops in the middle`, async () => {
      const { begun, bob } = await beginAsMember(lines(5_000));
      let chunks = 0;
      const losing: ImportPorts = {
        ...ports,
        insert: async (...given) => {
          chunks += 1;
          if (chunks === 2) await lose(bob);
          return ports.insert(...given);
        },
      };
      await expect(run(begun, losing)).rejects.toMatchObject({ code: 'import_forbidden' });
      expect(await tasksOf(begun)).toHaveLength(2_000);
    });
  }

  test('a member of another role goes on', async () => {
    const { begun, bob } = await beginAsMember(lines(3));
    await ada.ask('PATCH', `/api/organizations/${ada.organizationId}/members/${bob.userId}/`, {
      role: 'admin',
    });
    expect(await run(begun)).toMatchObject({ created: 3 });
  });
});

describe('an upload that is replaced', () => {
  const replace = async (begun: Begun) => {
    const [row] = await on.admin`select payload ->> 'upload' as id from tasks where id = ${begun.task}`;
    api.objects.set(
      `uploads/${ada.organizationId}/${row?.id}`,
      Buffer.from(lines(3, () => ({ name: 'Other' }))),
    );
  };

  test('after its import was asked for is not imported', async () => {
    const begun = await begin(lines(3));
    await replace(begun);
    await expect(run(begun)).rejects.toMatchObject({ code: 'upload_replaced' });
    expect(await tasksOf(begun)).toEqual([]);
  });

  test('between its check and its writing is not imported', async () => {
    const begun = await begin(lines(3));
    let passes = 0;
    const replacing: ImportPorts = {
      ...ports,
      open: async (...given) => {
        passes += 1;
        if (passes === 2) await replace(begun);
        return ports.open(...given);
      },
    };
    await expect(run(begun, replacing)).rejects.toMatchObject({ code: 'upload_replaced' });
    expect(await tasksOf(begun)).toEqual([]);
  });
});

describe('lines that depend on tasks', () => {
  const NOBODY = '01a1fcfc-58b2-74c3-997b-0cb650307219';
  const created = async (status?: 'FAILED' | 'COMPLETED'): Promise<string> => {
    const { body } = await ada.ask('POST', '/api/tasks/', { name: 'First' });
    if (status) await force(on.admin, body.id, status);
    return body.id;
  };
  const awaits = async (begun: Begun) =>
    on.admin`
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
    expect(woken.flatMap(({ ids }) => ids)).toHaveLength(2);
    const [row] = await on.admin`select has_dependents from tasks where id = ${open}`;
    expect(row?.has_dependents).toBe(true);
  });

  test('are those of CSV, too, and of the defaults', async () => {
    const [open, other] = [await created(), await created()];
    const csv = `name,depends_on\na,"[""${open}""]"\nb,`;
    const begun = await begin(csv, { format: 'csv', defaults: { depends_on: [other] } });
    await run(begun);
    expect(await awaits(begun)).toMatchObject([{ awaits: [open] }, { awaits: [other] }]);
  });

  test('are bad when there is no such task in the organization, or it has failed', async () => {
    const eve = await api.register();
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

  test('get no task when what they depend on fails between the check and the writing, and are named', async () => {
    const [open, other] = [await created(), await created()];
    const begun = await begin(ndjson({ name: 'a', depends_on: [open] }, { name: 'b', depends_on: [other] }));
    const late: ImportPorts = {
      ...ports,
      insert: async (...given) => {
        await force(on.admin, open, 'FAILED');
        return ports.insert(...given);
      },
    };
    expect(await run(begun, late)).toMatchObject({
      created: 1,
      bad_lines: 1,
      first_bad_lines: [{ line: 1, errors: [{ pointer: '/depends_on/0' }] }],
    });
    expect(await awaits(begun)).toMatchObject([{ name: 'b', awaits: [other] }]);
  });

  test('that an attempt before has left out are named by the next', async () => {
    const open = await created();
    const text = ndjson({ name: 'a', depends_on: [open] }, { name: 'b' });
    const begun = await begin(text, { partial: true });
    const dying: ImportPorts = {
      ...ports,
      insert: async (...given) => {
        await force(on.admin, open, 'FAILED');
        await ports.insert(...given);
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

describe('asking for an import', () => {
  test('gets an address for an upload of one’s own organization', async () => {
    const { status, body } = await ada.ask('POST', '/api/uploads/', { format: 'csv', bytes: 7 });
    expect([status, body]).toEqual([
      201,
      {
        id: expect.any(String),
        organization: ada.organizationId,
        method: 'PUT',
        url: `https://s3.example.com/uploads/${ada.organizationId}/${body.id}?bytes=7`,
        headers: { 'content-type': 'text/csv' },
        expires_at: expect.stringMatching(/Z$/),
      },
    ]);
  });

  test('is refused to viewers, and where one is no member', async () => {
    const eve = await api.register();
    const { organizationId: organization } = ada;
    const upload = () => eve.ask('POST', '/api/uploads/', { format: 'csv', bytes: 7, organization });
    const start = () =>
      eve.ask('POST', '/api/batches/import/', { upload: randomUUID(), format: 'csv', organization });
    for (const ask of [upload, start]) expect((await ask()).body.code).toBe('organization_not_found');
    await on.admin`insert into memberships values (${organization}, ${eve.userId}, 'viewer')`;
    for (const ask of [upload, start]) expect((await ask()).body.code).toBe('role_insufficient');
  });

  test('names its task after the batch, as far as a name goes, and cuts no character in two', async () => {
    const begun = await begin(lines(1), { name: `x${'🥬'.repeat(199)}` });
    const { body } = await ada.ask('GET', `/api/tasks/${begun.task}/`);
    expect(body.name).toBe(`Import of x${'🥬'.repeat(189)}`);
  });

  test('takes no upload that is not there, or is another organization’s', async () => {
    const eve = await api.register();
    const id = randomUUID();
    api.objects.set(`uploads/${eve.organizationId}/${id}`, Buffer.from('{}'));
    for (const upload of [id, randomUUID()]) {
      const { status, body } = await ada.ask('POST', '/api/batches/import/', { upload, format: 'ndjson' });
      expect([status, body.code]).toEqual([404, 'upload_not_found']);
    }
  });

  test('is no kind that a task can be created with', async () => {
    for (const path of ['/api/tasks/', '/api/tasks/bulk/']) {
      const task = { name: 'x', kind: 'batch.import', payload: {} };
      const { status } = await ada.ask('POST', path, path.includes('bulk') ? { tasks: [task] } : task);
      expect(status).toBe(400);
    }
  });

  test('of an import whose payload names another organization’s batch nothing comes', async () => {
    const begun = await begin(lines(1));
    const eve = await api.register();
    // As if she had found a way to create such a task.
    await on.admin`update tasks set organization_id = ${eve.organizationId} where id = ${begun.task}`;
    await expect(run(begun)).rejects.toMatchObject({ code: 'import_over' });
    expect(await tasksOf(begun)).toEqual([]);
  });

  test('repeated with its idempotency key begins no second one', async () => {
    const upload = randomUUID();
    api.objects.set(`uploads/${ada.organizationId}/${upload}`, Buffer.from(lines(1)));
    const headers = { 'idempotency-key': randomUUID() };
    const ask = () => ada.ask('POST', '/api/batches/import/', { upload, format: 'ndjson' }, headers);
    const first = await ask();
    await on.admin`update idempotency_keys set status = null, body = null, locked_until = now() - interval '1 second'`;
    const again = await ask();
    expect([again.status, again.body.task]).toEqual([202, first.body.task]);
    expect((await ada.ask('GET', '/api/batches/')).body.results).toHaveLength(1);
  });
});

test('the ids of an import are UUIDv7 of its batch’s time, ascending with the line, and no other batch’s', () => {
  const batch = '01a21576-0aff-7177-a27f-d2c934b02673';
  const idOf = importIds(batch);
  const ids = [0, 1, 255, 256, 999_999, LINES - 1].map(idOf);
  expect(ids).toEqual(ids.toSorted());
  for (const id of ids) expect(id).toMatch(/^01a21576-0aff-7177-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(importIds('01a21576-0aff-7177-a27f-d2c934b02674')(0)).not.toBe(ids[0]);
});
