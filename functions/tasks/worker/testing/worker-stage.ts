import { afterAll, beforeAll, beforeEach } from 'vitest';
import * as z from 'zod';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../../database/testing/database-fixture.ts';
import { noArtifacts } from '../../artifacts/testing/no-artifacts.ts';
import { type Duration, defineTask, type Json, type TaskContext } from '../../define-task.ts';
import { askNoInputs } from '../../inputs/testing/no-inputs.ts';
import type { Task, WakeUp, Watched } from '../../task.ts';
import { DISPATCH, inlineTasks, recordedEvents } from '../../verification/fixtures.ts';
import type { ExecuteDeps } from '../worker.ts';

/** Limits for tests in which an attempt ends for another reason, however long that takes. */
export const LONG = { soft: '60s', hard: '90s' } as const;

export const FULL = () => 900;

/** Set-up of tests of the worker. */
type WorkerStage = {
  on: DatabaseFixture;
  ada: Member;
  api: ReturnType<DatabaseFixture['as']>;
  /** One worker. */
  deps: ExecuteDeps;
  /** Handlers by kind. A test sets them. */
  handlers: Record<string, (context: TaskContext) => Promise<Json>>;
  /** Limits of all kinds; for each test 5 and 6 seconds at first. */
  limits: { soft: Duration; hard: Duration };
  announced: Watched<Task>[];
  woken: WakeUp[];
  events: ReturnType<typeof recordedEvents>;
  /** Contents of the bucket. */
  artifacts: Map<string, string>;
};

/** Registers the set-up of a file with tests of the worker. */
export function workerStage() {
  const stage = { artifacts: new Map() } as WorkerStage;

  const worker = (): ExecuteDeps => ({
    db: stage.on.as('worker'),
    dispatch: DISPATCH,
    leaseSeconds: 30,
    fetch: () => Promise.reject(new Error('no network in this test')),
    turnsOf: () => async () => ({ kind: 'go', afterSeconds: 0 }),
    putArtifact: async (key, content) => void stage.artifacts.set(key, content),
    artifactsOf: noArtifacts,
    inputsOf: () => askNoInputs,
    log: () => {},
    ...inlineTasks(() =>
      Object.entries(stage.handlers).map(([kind, handler]) =>
        defineTask({
          kind,
          payload: z.unknown(),
          limits: stage.limits,
          runs: 'inline',
          run: (_payload, context) => handler(context),
        }),
      ),
    ),
    announce(tasks) {
      stage.announced.push(...tasks);
      stage.events.announce(tasks);
    },
    announceReports: () => {},
    enqueue: async (wakeUps) => {
      stage.woken.push(...wakeUps);
      return [];
    },
  });

  beforeAll(async () => {
    stage.on = await databaseFixture();
    stage.ada = await stage.on.member();
    stage.api = stage.on.as('api');
    stage.deps = worker();
  });
  beforeEach(() => {
    [stage.announced, stage.woken, stage.events] = [[], [], recordedEvents()];
    stage.limits = { soft: '5s', hard: '6s' };
  });
  afterAll(() => stage.on.close());

  return Object.assign(stage, {
    /** Returns another worker with the same handlers. */
    worker,

    async rowOf(id: string) {
      const [row] = await stage.on.admin`select * from tasks where id = ${id}`;
      if (!row) throw new Error(`no task ${id}`);
      return row;
    },
  });
}
