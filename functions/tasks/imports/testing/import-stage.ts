import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { apiFunction, type Client } from '../../../http/testing/api-function.ts';
import { memoryTaskArtifacts } from '../../artifacts/testing/memory-task-artifacts.ts';
import { readImportedTask } from '../../commands/parse-task-request.ts';
import { NO_INPUTS } from '../../inputs/testing/no-inputs.ts';
import type { ImportPorts } from '../../kinds/batch-import/ports.ts';
import { importTask } from '../../kinds/batch-import/run.ts';
import * as store from '../../store/index.ts';
import type { WakeUp } from '../../task.ts';
import { DISPATCH, recordedEvents } from '../../verification/fixtures.ts';
import { importPorts } from '../imports.ts';

export type Begun = { batch: string; task: string };

/** Set-up of tests of imports. Each test gets new values for the fields below `worker`. */
type ImportStage = {
  on: DatabaseFixture;
  api: ReturnType<typeof apiFunction>;
  worker: ReturnType<DatabaseFixture['as']>;
  /** A new user, who imports into her personal organization. */
  ada: Client;
  /** The ports of the worker. */
  ports: ImportPorts;
  woken: WakeUp[];
  announced: store.WatchedBatch[];
  events: ReturnType<typeof recordedEvents>;
};

/** Registers the set-up of a file with tests of imports. */
export function importStage() {
  const stage = {} as ImportStage;

  beforeAll(async () => {
    stage.on = await databaseFixture();
    stage.api = apiFunction(stage.on);
    stage.worker = stage.on.as('worker');
  });
  beforeEach(async () => {
    stage.ada = await stage.api.register();
    [stage.woken, stage.announced, stage.events] = [[], [], recordedEvents()];
    stage.ports = importPorts({
      db: stage.worker,
      artifacts: stage.api.artifacts,
      dispatch: DISPATCH,
      enqueue: async (wakeUps) => {
        stage.woken.push(...wakeUps);
        return [];
      },
      announceBatch(batch) {
        stage.announced.push(batch);
        stage.events.announceBatch(batch);
      },
      read: readImportedTask,
    });
  });
  afterAll(() => stage.on.close());

  return Object.assign(stage, {
    /** Uploads a text and asks for its import. */
    async begin(text: string, given: object = {}, who = stage.ada): Promise<Begun> {
      const bytes = Buffer.byteLength(text);
      const { body: upload } = await who.ask('POST', '/api/uploads/', { format: 'ndjson', bytes });
      stage.api.objects.set(`uploads/${stage.ada.organizationId}/${upload.id}`, Buffer.from(text));
      const body = { upload: upload.id, format: 'ndjson', ...given };
      const answer = await who.ask('POST', '/api/batches/import/', body);
      expect([answer.status, answer.body.code]).toEqual([202, undefined]);
      return { batch: answer.body.batch.id, task: answer.body.task };
    },

    /** Runs the import as the worker does, in a claimed attempt. */
    async run({ task }: Begun, use = stage.ports, signal = new AbortController().signal) {
      const { claimed } = await store.claim(stage.worker, { ids: [task], leaseSeconds: 600, soonSeconds: 0 });
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
        artifacts: memoryTaskArtifacts(),
        inputs: NO_INPUTS,
        progress: (fraction) => progress.push(fraction),
        log: () => {},
      });
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
      expect(progress.at(-1)).toBe(1);
      return result;
    },

    /** Ports of a worker that dies before it has written the n-th chunk. */
    dyingAt(chunk: number): ImportPorts {
      let chunks = 0;
      return {
        ...stage.ports,
        insert: async (...given) => {
          chunks += 1;
          if (chunks === chunk) throw new Error('killed');
          return stage.ports.insert(...given);
        },
      };
    },

    /** Rescues the task of a dead worker. */
    takeBack: ({ task }: Begun) =>
      stage.on
        .admin`update tasks set status = 'SCHEDULED', lease_until = null, next_dispatch_at = now() where id = ${task}`,

    /** Makes the attempt fail for good, as the engine does after an error. */
    async fail({ task }: Begun, code = 'boom') {
      const [row] = await stage.on.admin`select attempt from tasks where id = ${task}`;
      const failed = { id: task, attempt: Number(row?.attempt), kind: 'fail' } as const;
      await store.settle(stage.worker, [{ ...failed, error: { code, message: code } }], DISPATCH);
    },

    /** Creates another task with a unique key. */
    async take(key: string) {
      const task = { name: 'x', unique_key: key, scheduled_time: '2030-01-01T00:00:00Z' };
      expect((await stage.ada.ask('POST', '/api/tasks/', task)).status).toBe(201);
    },

    batchNow: async ({ batch }: Begun) => (await stage.ada.ask('GET', `/api/batches/${batch}/`)).body,
    tasksOf: ({ batch }: Begun) => stage.on.admin`select * from tasks where batch_id = ${batch} order by id`,
  });
}

export const lines = (count: number, of: (n: number) => object = (n) => ({ name: `Task ${n}` })) =>
  Array.from({ length: count }, (_, n) => JSON.stringify(of(n))).join('\n');
