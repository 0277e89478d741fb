import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import * as tasks from '../../tasks/store/index.ts';
import { DISPATCH, newTask } from '../../tasks/verification/fixtures.ts';
import type { Database } from '../connect.ts';
import type { CallSetup } from './call-setup.ts';
import { type Call, type Calls, KEY, mine } from './calls.ts';
import { artifact, REQUESTS } from './task-requests.ts';

const LANE = { organizationId: randomUUID(), lane: `key:${KEY}` };

const pair = async (setup: CallSetup, status: Parameters<CallSetup['made']>[0]) => setup.made(status, 2);
const attempts = (ids: readonly string[]) => ids.map((id) => ({ id, attempt: 1 }));

/** Creates a running import, and returns its attempt. */
async function importing(setup: CallSetup) {
  const [taskId = ''] = await setup.made('RUNNING', 1);
  const batchId = uuidv7();
  const last = uuidv7();
  await setup.admin`
    insert into batches (id, organization_id, created_by, queue, sealed, import_task_id, first_task_id, last_task_id)
    values (${batchId}, ${setup.member.organizationId}, ${setup.member.userId}, 'bulk', false, ${taskId}, ${batchId}, ${last})`;
  return { taskId, attempt: 1, batchId };
}

const rescue: Call = async (db, setup) => tasks.rescue(db, await pair(setup, 'RUNNING'), 2);
const dispatchAgain: Call = async (db, setup) => tasks.dispatchAgain(db, await pair(setup, 'SCHEDULED'));
const release: Call = async (db, setup) => {
  const [first = ''] = await setup.made('COMPLETED', 1);
  const [second = ''] = await setup.made('PENDING', 1);
  await setup.admin`insert into task_dependencies values (${second}, ${first}, ${setup.member.organizationId})`;
  await setup.admin`update tasks set has_dependents = true where id = ${first}`;
  return tasks.release(db, { ids: [first], limit: 100, dispatch: DISPATCH });
};
const releaseForNetwork: Call = async (db, setup) => {
  const { organizationId, userId } = setup.member;
  const lane = `network:${userId}`;
  await setup.made('SCHEDULED', 2, { waitsForNetwork: true, heldBy: lane });
  return db.begin((tx) => tasks.releaseHeld(tx, [{ organizationId, lane }], DISPATCH));
};
const releaseHeld: Call = async (db, setup) => {
  await setup.made('SCHEDULED', 2, { concurrencyKey: KEY, heldBy: `key:${KEY}` });
  const { organizationId } = setup.member;
  return db.begin((tx) => tasks.releaseHeld(tx, [{ organizationId, lane: `key:${KEY}` }], DISPATCH));
};

/** Calls a function about an artifact of a running attempt. */
const ofAttempt =
  (work: (db: Database, owner: tasks.ArtifactOwner, id: string) => Promise<unknown>): Call =>
  async (db, setup) => {
    const [taskId = ''] = await setup.made('RUNNING', 1);
    const by = { taskId, attempt: 1 };
    const { organizationId } = setup.member;
    return work(db, { ...by, organizationId }, await artifact(setup, by));
  };

/** Calls of the functions of the task store. */
export const TASKS: Calls<typeof tasks> = {
  ...REQUESTS,
  claim: {
    worker: [
      async (db, setup) =>
        tasks.claim(db, { ids: await pair(setup, 'SCHEDULED'), leaseSeconds: 30, soonSeconds: 0 }),
      async (db, setup) =>
        tasks.claim(db, {
          ids: await pair(setup, 'SCHEDULED'),
          leaseSeconds: 30,
          soonSeconds: 0,
          alone: true,
        }),
      async (db, setup) =>
        tasks.claim(db, {
          ids: await setup.made('SCHEDULED', 2, { concurrencyKey: KEY }),
          leaseSeconds: 30,
          soonSeconds: 0,
        }),
      async (db, setup) =>
        tasks.claim(db, {
          ids: await setup.made('SCHEDULED', 2, { waitsForNetwork: true }),
          leaseSeconds: 30,
          soonSeconds: 0,
        }),
      async (db, setup) =>
        tasks.claim(db, {
          ids: await pair(setup, 'SCHEDULED'),
          leaseSeconds: 30,
          soonSeconds: 0,
          alone: false,
          capacity: {
            kinds: [
              { kind: 'data.process', hardSeconds: 30, isolatedWith: null },
              { kind: 'http.request', hardSeconds: 30, isolatedWith: ['x'] },
            ],
            runners: 1,
            networkPlaces: 1,
            seconds: 840,
          },
        }),
    ],
  },
  dispatchAgain: { dispatcher: dispatchAgain, worker: dispatchAgain, dead_letters: dispatchAgain },
  findImport: { worker: async (db, setup) => tasks.findImport(db, await importing(setup)) },
  heldLanes: {
    dispatcher: [(db) => tasks.heldLanes(db, 1_000), (db) => tasks.heldLanes(db, 1_000, LANE)],
  },
  insertImported: {
    worker: [
      async (db, setup) =>
        tasks.insertImported(db, {
          attempt: await importing(setup),
          createdBy: setup.member.userId,
          tasks: [newTask(), newTask()],
          dispatch: DISPATCH,
        }),
      async (db, setup) =>
        tasks.insertImported(db, {
          attempt: await importing(setup),
          createdBy: setup.member.userId,
          tasks: [newTask({ dependsOn: await setup.made('SCHEDULED', 2) })],
          dispatch: DISPATCH,
        }),
    ],
  },
  expiredTasks: {
    dispatcher: (db, { member }) =>
      tasks.expiredTasks(db, { organizationId: member.organizationId, retentionDays: 30 }, 100),
  },
  findInput: {
    worker: async (db, setup) => {
      const [id = ''] = await setup.made('COMPLETED', 1);
      return tasks.findInput(db, setup.member.organizationId, id);
    },
  },
  release: {
    worker: release,
    dispatcher: [
      release,
      async (db, setup) => {
        const [first = ''] = await setup.made('COMPLETED', 1);
        await setup.admin`update tasks set has_dependents = true where id = ${first}`;
        return tasks.release(db, { ids: null, limit: 100, dispatch: DISPATCH });
      },
    ],
  },
  releaseHeld: {
    worker: [releaseHeld, releaseForNetwork],
    dispatcher: [releaseHeld, releaseForNetwork],
    api: mine(async (tx, setup) => {
      await setup.made('SCHEDULED', 2, { heldBy: 'kind:x' });
      return tasks.releaseHeld(
        tx,
        [{ organizationId: setup.member.organizationId, lane: 'kind:x' }],
        DISPATCH,
      );
    }),
  },
  overdueSeconds: {
    dispatcher: (db, { member }) =>
      tasks.overdueSeconds(db, [{ organizationId: member.organizationId, retentionDays: 30 }]),
  },
  compactPendingCounters: { dispatcher: (db) => tasks.compactPendingCounters(db, 1_000) },
  countPending: { dispatcher: (db) => tasks.countPending(db) },
  fullBound: {
    api: mine((tx, { member: { organizationId, userId } }) =>
      tasks.fullBound(tx, { organizationId, userId, count: 1 }),
    ),
  },
  fullBoundOf: {
    api: mine(async (tx, setup) => tasks.fullBoundOf(tx, (await setup.made('FAILED', 1))[0] ?? '')),
  },
  removeOutboundTurns: { dispatcher: (db) => tasks.removeOutboundTurns(db, 1_000) },
  resumeHost: { dispatcher: (db) => tasks.resumeHost(db, 'a.example') },
  stopHost: { dispatcher: (db) => tasks.stopHost(db, 'b.example', 'asked to') },
  stoppedHosts: { dispatcher: (db) => tasks.stoppedHosts(db) },
  takeOutboundTurn: {
    worker: (db, { member: { organizationId } }) =>
      tasks.takeOutboundTurn(db, { organizationId, host: 'www.c.example', longestSeconds: 15 }),
  },
  removeBatches: {
    dispatcher: (db, { member }) =>
      tasks.removeBatches(db, { organizationId: member.organizationId, retentionDays: 30 }, 100),
  },
  removeTasks: {
    dispatcher: async (db, setup) =>
      tasks.removeTasks(db, await setup.made('COMPLETED', 2, { finishedDaysAgo: 40 })),
  },
  renew: { worker: async (db, setup) => tasks.renew(db, attempts(await pair(setup, 'RUNNING')), 30) },
  report: {
    worker: async (db, setup) =>
      tasks.report(
        db,
        attempts(await pair(setup, 'RUNNING')).map((given) => ({ ...given, logs: [] })),
      ),
  },
  rescue: {
    worker: rescue,
    dead_letters: rescue,
    dispatcher: async (db, setup) => {
      await pair(setup, 'RUNNING');
      return tasks.rescue(db, null, 1_000);
    },
  },
  discardArtifacts: { worker: ofAttempt((db, owner) => tasks.discardArtifacts(db, owner)) },
  finishArtifact: {
    worker: ofAttempt((db, owner, id) =>
      tasks.finishArtifact(db, owner, { id, bytes: 2, sha256: '0'.repeat(64) }),
    ),
  },
  growArtifact: { worker: ofAttempt((db, owner, id) => tasks.growArtifact(db, owner, { id, bytes: 2 })) },
  keepArtifacts: { worker: ofAttempt((db, owner, id) => tasks.keepArtifacts(db, owner, [id])) },
  readableArtifact: { worker: ofAttempt((db, owner, id) => tasks.readableArtifact(db, owner, id)) },
  forgetArtifacts: {
    dispatcher: async (db, setup) => {
      const id = await artifact(setup);
      await setup.admin`update artifacts set status = 'deleted' where id = ${id}`;
      await tasks.forgetArtifacts(db, setup.member.organizationId, [id]);
    },
  },
  markOverdueArtifacts: {
    dispatcher: async (db, setup) => {
      const id = await artifact(setup);
      await setup.admin`update artifacts set open_until = now() - interval '1 day' where id = ${id}`;
      await tasks.markOverdueArtifacts(db, 100);
    },
  },
  removableArtifacts: { dispatcher: (db) => tasks.removableArtifacts(db, 100) },
  forgetUploads: {
    worker: (db) => tasks.forgetUploads(db, [uuidv7()]),
    dispatcher: (db) => tasks.forgetUploads(db, [uuidv7()]),
  },
  markStored: { dispatcher: (db) => tasks.markStored(db, [uuidv7()]) },
  overdueUploads: { dispatcher: (db) => tasks.overdueUploads(db, 100) },
  returnTurns: {
    dispatcher: (db, { member }) =>
      tasks.returnTurns(db, [{ organizationId: member.organizationId, retentionDays: 30 }], 60),
  },
  seal: { worker: async (db, setup) => tasks.seal(db, await importing(setup), null) },
  sealAbandoned: {
    dispatcher: async (db, setup) => {
      await importing(setup);
      return tasks.sealAbandoned(db, 100);
    },
  },
  settle: {
    worker: [
      async (db, setup) =>
        tasks.settle(
          db,
          attempts(await pair(setup, 'RUNNING')).map((given) => ({
            ...given,
            kind: 'complete',
            result: null,
          })),
          DISPATCH,
        ),
      async (db, setup) =>
        tasks.settle(
          db,
          attempts((await setup.batch('RUNNING', 2)).taskIds).map((given) => ({
            ...given,
            kind: 'complete',
            result: null,
          })),
          DISPATCH,
        ),
    ],
  },
  takeForDispatch: {
    dispatcher: async (db, setup) => {
      await pair(setup, 'SCHEDULED');
      return tasks.takeForDispatch(db, 1_000, 300);
    },
  },
  uniqueKeysTakenByOthers: {
    worker: (db, { member }) =>
      tasks.uniqueKeysTakenByOthers(db, {
        organizationId: member.organizationId,
        batchId: uuidv7(),
        keys: ['a', 'b'],
      }),
  },
  statusesOf: {
    worker: async (db, setup) =>
      tasks.statusesOf(db, setup.member.organizationId, await setup.made('SCHEDULED', 2)),
  },
  takeTurns: { dispatcher: (db) => tasks.takeTurns(db, 10, 60) },
  unseal: { worker: async (db, setup) => tasks.unseal(db, await importing(setup)) },
};
