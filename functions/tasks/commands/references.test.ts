import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { JsonText } from '../../exact-json/json-text.ts';
import { unmetNow } from '../imports/import-dependencies.ts';
import type { TaskRequest } from '../new-task.ts';
import { DISPATCH, newTask } from '../verification/fixtures.ts';
import { createTasks } from './create.ts';
import { createBatch } from './create-batch.ts';

const on: DatabaseFixture = await databaseFixture();
const deps = { db: on.as('api'), dispatch: DISPATCH, enqueue: async () => [] };
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
});
afterAll(() => on.close());

/** Stores an artifact that is ready. */
async function artifact({ organizationId }: Member, more: { status?: string; days?: number } = {}) {
  const { status = 'ready', days = 1 } = more;
  const id = uuidv7();
  await on.admin`
    insert into artifacts (id, organization_id, name, media_type, bytes, sha256, status, open_until, expires_at)
    values (${id}, ${organizationId}, 'file', 'text/csv', 1, ${'0'.repeat(64)}, ${status}, now(), now() + ${days} * interval '1 day')`;
  return id;
}

/** Returns a request whose payload names artifacts. */
function naming(...artifactIds: string[]): TaskRequest {
  const { id: _, ...request } = newTask({ payload: JsonText.of({ files: artifactIds }), artifactIds });
  return request;
}

const create = (...requests: TaskRequest[]) => createTasks(deps, ada, { organizationId: null, requests });

const tasks = async () =>
  (await on.admin`select from tasks where organization_id = ${ada.organizationId}`).count;

/** The reasons for which an artifact is not there. */
async function missing(): Promise<string[]> {
  return [
    await artifact(await on.member()),
    await artifact(ada, { status: 'pending' }),
    await artifact(ada, { status: 'deleted' }),
    await artifact(ada, { days: -1 }),
    uuidv7(),
  ];
}

test('a task is created when its artifacts are ready', async () => {
  const [task] = await create(naming(await artifact(ada), await artifact(ada)));
  expect(task).toMatchObject({ status: 'SCHEDULED' });
});

test('a task that names an artifact that is not there is refused, by the pointer to the id, whatever the reason', async () => {
  const there = await artifact(ada);
  for (const id of await missing()) {
    await expect(create(naming(there, id))).rejects.toMatchObject({
      kind: 'not_found',
      code: 'artifact_not_found',
      fields: [
        {
          in: 'body',
          pointer: '/payload/files/1',
          detail: 'There is no such artifact in the organization',
        },
      ],
    });
  }
  expect(await tasks()).toBe(0);
});

test('a batch is written as a whole or not at all, and with partial without the tasks whose artifact is not there', async () => {
  const [there, gone] = [await artifact(ada), uuidv7()];
  const requests = [naming(there), naming(gone), naming()];
  const batch = () => ({ id: uuidv7(), organizationId: null, name: '', queue: 'bulk' as const });
  const ids = () => requests.map(() => uuidv7());
  await expect(
    createBatch(deps, ada, { batch: batch(), requests, ids: ids(), partial: false }),
  ).rejects.toMatchObject({
    code: 'artifact_not_found',
    fields: [{ pointer: '/tasks/1/payload/files/0' }],
  });
  const made = await createBatch(deps, ada, { batch: batch(), requests, ids: ids(), partial: true });
  expect(made).toMatchObject({
    written: [true, false, true],
    unmet: [{ task: 1, to: 'artifact', pointer: '/payload/files/0' }],
  });
  expect(await tasks()).toBe(2);
});

test('lines of an import are told what is not there', async () => {
  const [there, gone] = [await artifact(ada), uuidv7()];
  const errors = await unmetNow(on.as('worker'), ada.organizationId, [naming(there), naming(gone)]);
  expect([...errors]).toEqual([
    [1, [{ pointer: '/payload/files/0', detail: 'There is no such artifact in the organization' }]],
  ]);
});
