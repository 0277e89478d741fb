import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import * as tasks from '../../tasks/store/index.ts';
import { DISPATCH, newTask } from '../../tasks/verification/fixtures.ts';
import type { Transaction } from '../connect.ts';
import type { CallSetup } from './call-setup.ts';
import { type Call, type Calls, KEY, mine } from './calls.ts';

const LATER = '2099-01-01T00:00:00Z';
const everything = {
  ids: null,
  batch: null,
  statuses: null,
  kind: null,
  queue: null,
  createdBy: null,
  createdFrom: null,
  createdTo: null,
  scheduledFrom: null,
  scheduledTo: null,
};

/** Filters of lists and bulk actions, one by one and combined. */
const FILTERS: ((setup: CallSetup) => Partial<tasks.Selection>)[] = [
  () => ({}),
  () => ({ statuses: ['FAILED', 'CANCELLED'] }),
  () => ({ kind: 'data.process' }),
  () => ({ kind: 'http.request' }),
  () => ({ queue: 'bulk' }),
  ({ member }) => ({ createdBy: member.userId }),
  () => ({ createdFrom: '2026-01-01T00:00:00Z', createdTo: LATER }),
  () => ({ scheduledFrom: '2026-01-01T00:00:00Z', scheduledTo: LATER }),
  () => ({ statuses: ['SCHEDULED'], kind: 'data.process', queue: 'interactive' }),
];
const selection = (setup: CallSetup, given: Partial<tasks.Selection>): tasks.Selection => ({
  ...everything,
  organizationId: setup.member.organizationId,
  ...given,
});
const selections = (work: (tx: Transaction, given: tasks.Selection, setup: CallSetup) => Promise<unknown>) =>
  FILTERS.map((filter) => mine((tx, setup) => work(tx, selection(setup, filter(setup)), setup)));

const pair = async (setup: CallSetup, status: Parameters<CallSetup['made']>[0]) => setup.made(status, 2);

const whose = ({ organizationId, userId }: CallSetup['member']) => ({ organizationId, memberId: userId });
const PAUSE: tasks.PauseKey = { organizationId: uuidv7(), scope: 'kind', name: 'none' };

const NO_LARGE = { description: false, payload: false, result: false, errorDetails: false };

const FILE = { name: 'file', mediaType: 'text/csv', bytes: 1, sha256: '0'.repeat(64), openSeconds: 900 };

/** Creates an artifact of the setup's organization that a user uploads, or that an attempt creates. */
export async function artifact(
  { admin, member: { organizationId } }: CallSetup,
  by: { taskId: string; attempt: number } | null = null,
): Promise<string> {
  const id = uuidv7();
  await admin`
    insert into artifacts (id, organization_id, name, media_type, bytes, sha256, task_id, attempt, open_until, expires_at)
    values (${id}, ${organizationId}, 'file', 'text/csv', 1, ${FILE.sha256}, ${by?.taskId ?? null}, ${by?.attempt ?? null}, now(),
      now() + interval '1 day')`;
  await admin`
    insert into artifact_usage as u values (${organizationId}, 1, 1)
    on conflict (organization_id) do update set artifacts = u.artifacts + 1, bytes = u.bytes + 1`;
  return id;
}

/** Reads a page of the setup's tasks. */
async function listed(
  tx: Transaction,
  { member }: CallSetup,
  filter: Partial<tasks.TaskFilter>,
  large: Partial<tasks.LargeColumns> = {},
): Promise<void> {
  const { ids, ...none } = everything;
  const asked = { ...none, ...whose(member), beforeId: null, ...filter };
  for await (const _rows of tasks.list(tx, asked, { limit: 26, large: { ...NO_LARGE, ...large } }));
}

/** Calls of the functions of the task store that only requests use. */
export const REQUESTS = {
  addPause: {
    api: mine((tx, { member }) =>
      tasks.addPause(tx, { ...member, scope: 'kind', name: randomUUID() }, member.userId),
    ),
  },
  attempts: {
    api: [
      mine(async (tx, setup) =>
        tasks.attempts(tx, { taskId: (await setup.made('RUNNING', 1))[0] ?? '', before: null, limit: 21 }),
      ),
      mine(async (tx, setup) =>
        tasks.attempts(tx, { taskId: (await setup.made('RUNNING', 1))[0] ?? '', before: 5, limit: 21 }),
      ),
    ],
  },
  awaitTasks: {
    api: mine(async (tx, setup) =>
      tasks.awaitTasks(tx, setup.member.organizationId, await pair(setup, 'SCHEDULED')),
    ),
    worker: (db, setup) =>
      db.begin(async (tx) =>
        tasks.awaitTasks(tx, setup.member.organizationId, await pair(setup, 'SCHEDULED')),
      ),
  },
  cancel: { api: mine(async (tx, setup) => tasks.cancel(tx, (await setup.made('SCHEDULED', 1))[0] ?? '')) },
  cancelMany: {
    api: [
      mine(async (tx, setup) =>
        tasks.cancelMany(tx, {
          given: selection(setup, { ids: await pair(setup, 'SCHEDULED') }),
          after: null,
        }),
      ),
      mine(async (tx, setup) => {
        const { id, taskIds } = await setup.batch('SCHEDULED', 2);
        const batch = { id, firstTaskId: taskIds[0] ?? null, lastTaskId: taskIds[1] ?? null };
        return tasks.cancelMany(tx, { given: selection(setup, { batch }), after: null });
      }),
      mine(async (tx, setup) =>
        tasks.cancelMany(tx, {
          given: selection(setup, { kind: 'http.request' }),
          after: (await pair(setup, 'SCHEDULED'))[0] ?? '',
        }),
      ),
    ],
  },
  countBulkStep: {
    api: selections((tx, given) => tasks.countBulkStep(tx, { move: 'cancel', given, after: null })),
  },
  exists: {
    api: mine((tx) => tasks.exists(tx, randomUUID())),
    socket: mine((tx) => tasks.exists(tx, randomUUID())),
  },
  graphTasks: {
    api: [null, uuidv7()].map((afterId) =>
      mine(async (tx, setup) => {
        const { id, taskIds } = await setup.batch('RUNNING', 2);
        const { organizationId } = setup.member;
        const batch = { id, organizationId, firstTaskId: taskIds[0] ?? null, lastTaskId: taskIds[1] ?? null };
        return tasks.graphTasks(tx, batch, { afterId, limit: 501 });
      }),
    ),
  },
  failedDependency: {
    api: mine(async (tx, setup) => {
      const [first = '', second = ''] = await setup.made('FAILED', 2);
      await setup.admin`insert into task_dependencies values (${second}, ${first}, ${setup.member.organizationId})`;
      return tasks.failedDependency(tx, second);
    }),
  },
  find: {
    api: mine(async (tx, setup) => tasks.find(tx, (await setup.made('SCHEDULED', 1))[0] ?? '')),
    socket: mine(async (tx, setup) => tasks.find(tx, (await setup.made('SCHEDULED', 1))[0] ?? '')),
  },
  findAll: { api: mine(async (tx, setup) => tasks.findAll(tx, await pair(setup, 'SCHEDULED'))) },
  findPause: {
    api: mine((tx, { member }) => tasks.findPause(tx, { ...member, scope: 'kind', name: 'none' })),
  },
  findBatch: {
    api: mine(async (tx, setup) => tasks.findBatch(tx, (await setup.batch('RUNNING', 2)).id)),
    socket: mine(async (tx, setup) => tasks.findBatch(tx, (await setup.batch('RUNNING', 2)).id)),
  },
  heldLanesOf: { api: mine((tx, { member }) => tasks.heldLanesOf(tx, member.organizationId, 100)) },
  uniqueKeyHolders: {
    api: mine(async (tx, setup) => tasks.uniqueKeyHolders(tx, setup.member.organizationId, ['a', 'b'])),
  },
  insert: {
    api: [
      (db, { member }) =>
        tasks.insert(db, { principal: member, organizationId: null, tasks: [newTask()], dispatch: DISPATCH }),
      async (db, setup) => {
        const [first = ''] = await setup.made('SCHEDULED', 1);
        return tasks.insert(db, {
          principal: setup.member,
          organizationId: setup.member.organizationId,
          tasks: [newTask({ dependsOn: [first], onFailure: 'run', uniqueKey: randomUUID() })],
          dispatch: DISPATCH,
        });
      },
    ],
  },
  insertBatch: {
    api: [false, true].map(
      (partial): Call =>
        (db, { member }) =>
          tasks.insertBatch(db, {
            principal: member,
            organizationId: null,
            batch: { id: uuidv7(), name: 'Batch', queue: 'bulk' },
            tasks: [newTask(), newTask()],
            dispatch: DISPATCH,
            partial,
          }),
    ),
  },
  addArtifact: {
    api: mine((tx, { member: { organizationId, userId } }) =>
      tasks.addArtifact(tx, { ...FILE, id: uuidv7(), organizationId, by: { userId } }),
    ),
    worker: (db, { member: { organizationId } }) =>
      tasks.addArtifact(db, { ...FILE, id: uuidv7(), organizationId, by: { taskId: uuidv7(), attempt: 1 } }),
  },
  deleteArtifact: { api: mine(async (tx, setup) => tasks.deleteArtifact(tx, await artifact(setup))) },
  findArtifact: { api: mine(async (tx, setup) => tasks.findArtifact(tx, await artifact(setup))) },
  findDeletable: { api: mine(async (tx, setup) => tasks.findDeletable(tx, await artifact(setup))) },
  findUploaded: { api: mine(async (tx, setup) => tasks.findUploaded(tx, await artifact(setup))) },
  listArtifacts: {
    api: [null, 'pending', 'ready'].flatMap((status) =>
      [null, uuidv7()].map((id) =>
        mine((tx, { member: { organizationId } }) =>
          tasks.listArtifacts(tx, { organizationId, status: status as null, taskId: id, beforeId: id }, 26),
        ),
      ),
    ),
  },
  makeReady: { api: mine(async (tx, setup) => tasks.makeReady(tx, await artifact(setup))) },
  missingArtifacts: {
    api: mine(async (tx, setup) =>
      tasks.missingArtifacts(tx, setup.member.organizationId, [await artifact(setup), uuidv7()]),
    ),
    worker: async (db, setup) =>
      tasks.missingArtifacts(db, setup.member.organizationId, [await artifact(setup), uuidv7()]),
  },
  addUpload: {
    api: mine((tx, { member: { organizationId } }) =>
      tasks.addUpload(tx, { id: uuidv7(), organizationId, bytes: 1, openSeconds: 900 }),
    ),
  },
  insertDependencies: {
    api: mine(async (tx, setup) => {
      const [first = '', ...rest] = await setup.made('PENDING', 3);
      return tasks.insertDependencies(tx, setup.member.organizationId, [{ id: first, dependsOn: rest }]);
    }),
    worker: async (db, setup) => {
      const [first = '', ...rest] = await setup.made('PENDING', 3);
      await db.begin((tx) =>
        tasks.insertDependencies(tx, setup.member.organizationId, [{ id: first, dependsOn: rest }]),
      );
    },
  },
  insertImport: {
    api: mine((tx, { member }) =>
      tasks.insertImport(tx, {
        batch: { id: uuidv7(), name: '', queue: 'bulk' },
        organizationId: member.organizationId,
        userId: member.userId,
        given: { importTask: uuidv7(), etag: 'e', first: uuidv7(), last: uuidv7() },
      }),
    ),
  },
  list: {
    api: [
      ...FILTERS.map((filter) => mine((tx, setup) => listed(tx, setup, filter(setup)))),
      ...FILTERS.map((filter) =>
        mine((tx, setup) => listed(tx, setup, { ...filter(setup), organizationId: null })),
      ),
      ...[null, undefined].map((organizationId) =>
        mine((tx, setup) =>
          listed(tx, setup, { beforeId: uuidv7(), ...(organizationId === null && { organizationId }) }),
        ),
      ),
      mine((tx, setup) => listed(tx, setup, {}, { payload: true, result: true })),
      mine(async (tx, setup) => {
        const { id, taskIds } = await setup.batch('SCHEDULED', 2);
        const batch = { id, firstTaskId: taskIds[0] ?? null, lastTaskId: taskIds[1] ?? null };
        return listed(tx, setup, { batch });
      }),
    ],
  },
  listBatches: {
    api: [null, uuidv7()].flatMap((beforeId) => [
      mine((tx, { member }) => tasks.listBatches(tx, { ...whose(member), beforeId }, 26)),
      mine((tx, { member }) =>
        tasks.listBatches(tx, { ...whose(member), organizationId: null, beforeId }, 26),
      ),
    ]),
  },
  listPauses: {
    api: [null, PAUSE].flatMap((after) => [
      mine((tx, { member }) => tasks.listPauses(tx, { ...whose(member), after }, 26)),
      mine((tx, { member }) => tasks.listPauses(tx, { ...whose(member), organizationId: null, after }, 26)),
    ]),
  },
  organizationsWithTasks: {
    api: [null, uuidv7()].map((after) =>
      mine((tx, { member }) =>
        tasks.organizationsWithTasks(tx, { memberId: member.userId, after, limit: 26 }),
      ),
    ),
  },
  existingTasks: {
    api: mine(async (tx, setup) => tasks.existingTasks(tx, await pair(setup, 'SCHEDULED'))),
  },
  removePause: {
    api: mine((tx, { member }) => tasks.removePause(tx, { ...member, scope: 'kind', name: 'none' })),
  },
  requeue: {
    api: mine(async (tx, setup) => tasks.requeue(tx, (await setup.made('FAILED', 1))[0] ?? '', DISPATCH)),
  },
  requeueMany: {
    api: mine(async (tx, setup) =>
      tasks.requeueMany(tx, {
        given: selection(setup, { ids: await pair(setup, 'FAILED') }),
        after: null,
        dispatch: DISPATCH,
      }),
    ),
  },
  reschedule: {
    api: mine(async (tx, setup) =>
      tasks.reschedule(tx, {
        id: (await setup.made('SCHEDULED', 1))[0] ?? '',
        scheduledTime: LATER,
        dispatch: DISPATCH,
      }),
    ),
  },
  rescheduleMany: {
    api: mine(async (tx, setup) =>
      tasks.rescheduleMany(tx, {
        given: selection(setup, { ids: await pair(setup, 'SCHEDULED'), notAt: LATER }),
        after: null,
        scheduledTime: LATER,
        dispatch: DISPATCH,
      }),
    ),
  },
  waitingContext: {
    api: mine(async (tx, setup) =>
      tasks.waitingContext(tx, (await setup.made('SCHEDULED', 1, { concurrencyKey: KEY }))[0] ?? ''),
    ),
  },
  takenUniqueKeys: {
    api: mine((tx, { member }) => tasks.takenUniqueKeys(tx, member.organizationId, ['a', 'b'])),
  },
  viewedOrganizations: {
    api: [
      mine((tx) => tasks.viewedOrganizations(tx, null)),
      mine((tx, { member }) => tasks.viewedOrganizations(tx, member.organizationId)),
    ],
  },
} satisfies Partial<Calls<typeof tasks>>;
