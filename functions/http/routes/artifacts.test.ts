import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { sweepArtifacts } from '../../tasks/artifacts/sweep.ts';
import { apiFunction, type Client } from '../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

const QUOTAS = { artifacts_of_organization: 100_000, artifact_bytes_of_organization: 53_687_091_200 };

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
});
beforeEach(async () => {
  ada = await api.register();
  await on.admin`delete from artifacts`;
  await on.admin`delete from artifact_usage`;
  for (const [name, value] of Object.entries(QUOTAS)) await setQuota(name, value);
});
afterAll(async () => {
  expect(api.faults).toEqual([]);
  await on.close();
});

const setQuota = (name: string, value: number) =>
  on.admin`update quotas set value = ${value} where name = ${name}`;

const fileOf = (content: string, more: object = {}) => ({
  name: 'orders.csv',
  media_type: 'text/csv',
  bytes: Buffer.byteLength(content),
  sha256: createHash('sha256').update(content).digest('hex'),
  ...more,
});

const begin = (content: string, more: object = {}, who = ada) =>
  who.ask('POST', '/api/artifacts/', fileOf(content, more));

/** Creates an artifact that is ready. */
async function ready(content = 'a,b\n1,2\n', more: object = {}): Promise<string> {
  const { body } = await begin(content, more);
  api.objects.set(`artifacts/${body.id}`, Buffer.from(content));
  expect((await ada.ask('POST', `/api/artifacts/${body.id}/complete/`)).status).toBe(200);
  return body.id;
}

const sweep = () => sweepArtifacts({ db: on.as('dispatcher'), artifacts: api.artifacts }, () => true);

/** Makes the addresses of artifacts as old as they must be before objects are removed for good. */
const closeAddresses = () => on.admin`update artifacts set open_until = now() - interval '16 minutes'`;

const usage = async () => {
  const [row] = await on.admin`
    select u.artifacts, u.bytes, (select count(*) from artifacts a where a.organization_id = u.organization_id) as counted,
      (select coalesce(sum(bytes), 0)::bigint from artifacts a where a.organization_id = u.organization_id) as summed
    from artifact_usage u where organization_id = ${ada.organizationId}`;
  expect([row?.artifacts, row?.bytes]).toEqual([row?.counted, row?.summed]);
  return [row?.artifacts, row?.bytes];
};

test('an artifact is asked for, uploaded, completed, listed, read and deleted', async () => {
  const { status, body, headers } = await begin('a,b\n1,2\n');
  expect([status, headers.get('location')]).toEqual([201, `/api/artifacts/${body.id}/`]);
  expect(body).toMatchObject({
    organization: ada.organizationId,
    name: 'orders.csv',
    media_type: 'text/csv',
    bytes: 8,
    status: 'pending',
    created_by: ada.userId,
    task: null,
    attempt: null,
    upload: { method: 'PUT', url: expect.stringContaining(body.id) },
  });
  expect(await ada.ask('POST', `/api/artifacts/${body.id}/complete/`)).toMatchObject({
    status: 409,
    body: { code: 'artifact_not_uploaded' },
  });
  api.objects.set(`artifacts/${body.id}`, Buffer.from('a,b\n1,2\n'));
  for (const _time of ['once', 'again'])
    expect(await ada.ask('POST', `/api/artifacts/${body.id}/complete/`)).toMatchObject({
      status: 200,
      body: { status: 'ready' },
    });
  const read = await ada.ask('GET', `/api/artifacts/${body.id}/`);
  expect(read.body).toMatchObject({
    status: 'ready',
    download: { url: expect.stringContaining('orders.csv') },
  });
  const { download, ...artifact } = read.body;
  expect((await ada.ask('GET', '/api/artifacts/')).body).toEqual({ results: [artifact], next_cursor: null });
  expect((await ada.ask('DELETE', `/api/artifacts/${body.id}/`)).status).toBe(204);
  expect((await ada.ask('GET', '/api/artifacts/')).body.results).toEqual([]);
});

test('every artifact that is not there is refused by the same answer', async () => {
  const eve = await api.register();
  const [foreign, deleted, expired] = [await ready(), await ready(), await ready()];
  const [pending] = [(await begin('x')).body.id];
  await ada.ask('DELETE', `/api/artifacts/${deleted}/`);
  await on.admin`update artifacts set expires_at = now() where id = ${expired}`;
  const answers = [
    await eve.ask('GET', `/api/artifacts/${foreign}/`),
    ...(await Promise.all(
      [deleted, expired, pending, randomUUID()].map((id) => ada.ask('GET', `/api/artifacts/${id}/`)),
    )),
  ];
  for (const { status, body } of answers) {
    expect(status).toBe(404);
    expect(body).toEqual(answers[0]?.body);
  }
  const changes = [
    ...(await Promise.all(
      [deleted, expired, randomUUID()].map((id) => ada.ask('POST', `/api/artifacts/${id}/complete/`)),
    )),
    ...(await Promise.all(
      [deleted, expired, randomUUID()].map((id) => ada.ask('DELETE', `/api/artifacts/${id}/`)),
    )),
    await eve.ask('DELETE', `/api/artifacts/${foreign}/`),
    await eve.ask('POST', `/api/artifacts/${foreign}/complete/`),
  ];
  for (const { status, body } of changes) expect([status, body]).toEqual([404, answers[0]?.body]);
  expect((await ada.ask('GET', '/api/artifacts/')).body.results.map(({ id }: { id: string }) => id)).toEqual([
    pending,
    foreign,
  ]);
});

test('a viewer reads, and writes nothing', async () => {
  const { body: lab } = await ada.ask('POST', '/api/organizations/', { name: 'Lab' });
  const id = await ready('x', { organization: lab.id });
  const val = await api.register();
  await on.join({ userId: val.userId, sessionId: '' }, lab.id, 'viewer');
  expect((await val.ask('GET', `/api/artifacts/${id}/`)).status).toBe(200);
  expect((await val.ask('GET', `/api/artifacts/?organization=${lab.id}`)).body.results).toHaveLength(1);
  for (const refused of [
    await begin('x', { organization: lab.id }, val),
    await val.ask('POST', `/api/artifacts/${id}/complete/`),
    await val.ask('DELETE', `/api/artifacts/${id}/`),
  ])
    expect(refused).toMatchObject({ status: 403, body: { code: 'role_insufficient' } });
  const mia = await api.register();
  await on.join({ userId: mia.userId, sessionId: '' }, lab.id, 'member');
  expect((await begin('y', { organization: lab.id }, mia)).status).toBe(201);
  expect((await mia.ask('DELETE', `/api/artifacts/${id}/`)).status).toBe(204);
});

test('a list is paged, and filtered by status and task', async () => {
  const ids = [await ready('1'), await ready('2'), await ready('3')];
  const { body: pending } = await begin('4');
  const task = randomUUID();
  await on.admin`update artifacts set task_id = ${task}, attempt = 1, created_by = null where id = ${ids[0] ?? ''}`;
  const idsOf = async (query: string) => {
    const { body } = await ada.ask('GET', `/api/artifacts/?${query}`);
    return [body.results.map(({ id }: { id: string }) => id), body.next_cursor] as const;
  };
  const [first, cursor] = await idsOf('limit=3');
  const [second, end] = await idsOf(`limit=3&cursor=${cursor}`);
  expect([first, second, end]).toEqual([[pending.id, ids[2], ids[1]], [ids[0]], null]);
  expect((await idsOf('status=pending'))[0]).toEqual([pending.id]);
  expect((await idsOf('status=ready'))[0]).toEqual(ids.toReversed());
  expect((await idsOf(`task=${task}`))[0]).toEqual([ids[0]]);
  expect((await ada.ask('GET', '/api/artifacts/?status=deleted')).status).toBe(400);
});

test('a repeated request is the same artifact with a new address, and counts once', async () => {
  const key = { 'idempotency-key': randomUUID() };
  const first = await ada.ask('POST', '/api/artifacts/', fileOf('x'), key);
  const again = await ada.ask('POST', '/api/artifacts/', fileOf('x'), key);
  expect([first.status, again.status, again.body.id]).toEqual([201, 201, first.body.id]);
  expect(await usage()).toEqual([1, 1]);
  await ada.ask('DELETE', `/api/artifacts/${first.body.id}/`);
  expect(await ada.ask('POST', '/api/artifacts/', fileOf('x'), key)).toMatchObject({ status: 404 });
});

describe('the retention', () => {
  test('of the organization applies to new artifacts', async () => {
    const daysOf = async () => {
      const { body } = await begin('x');
      return (Date.parse(body.expires_at) - Date.parse(body.created_at)) / 86_400_000;
    };
    expect(await daysOf()).toBeCloseTo(30, 3);
    const set = (days: number) =>
      ada.ask('PATCH', `/api/organizations/${ada.organizationId}/`, { artifact_retention_days: days });
    expect((await set(1)).body.artifact_retention_days).toBe(1);
    expect(await daysOf()).toBeCloseTo(1, 3);
    expect((await set(3_650)).status).toBe(200);
    expect([(await set(0)).status, (await set(3_651)).status]).toEqual([400, 400]);
  });
});

describe('the quota', () => {
  test('of artifacts is met at its edge, and the refusal names limit and use', async () => {
    await setQuota('artifacts_of_organization', 2);
    expect([(await begin('1')).status, (await begin('2')).status]).toEqual([201, 201]);
    expect(await begin('3')).toMatchObject({
      status: 409,
      body: { code: 'too_many_artifacts', limit: 2, used: 2, detail: expect.stringContaining('has 2') },
    });
    // Another organization of the same user is not affected.
    const { body: lab } = await ada.ask('POST', '/api/organizations/', { name: 'Lab' });
    expect((await begin('1', { organization: lab.id })).status).toBe(201);
  });

  test('of bytes is met at its edge, byte for byte', async () => {
    await setQuota('artifact_bytes_of_organization', 10);
    const sized = (bytes: number) => begin('', { bytes });
    expect((await sized(11)).body).toMatchObject({ code: 'artifacts_too_large', limit: 10, used: 0 });
    expect((await sized(7)).status).toBe(201);
    expect((await sized(4)).body).toMatchObject({ code: 'artifacts_too_large', limit: 10, used: 7 });
    expect((await sized(3)).status).toBe(201);
    expect((await sized(1)).body).toMatchObject({ code: 'artifacts_too_large', limit: 10, used: 10 });
    expect((await sized(0)).status).toBe(201);
    expect(await usage()).toEqual([3, 10]);
  });

  test('holds when many ask at once', async () => {
    await setQuota('artifacts_of_organization', 7);
    // Each sandbox has a connection of its own.
    const sandboxes = Array.from({ length: 4 }, () => apiFunction(on));
    const headers = { authorization: `Bearer ${ada.access}`, 'content-type': 'application/json' };
    const body = JSON.stringify(fileOf('xy'));
    const asking = sandboxes.flatMap(({ app }) =>
      Array.from({ length: 5 }, async () =>
        app.request('/api/artifacts/', { method: 'POST', headers, body }),
      ),
    );
    const statuses = (await Promise.all(asking)).map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(7).fill(201), ...Array(13).fill(409)]);
    expect(await usage()).toEqual([7, 14]);
  });

  test('has room again when deleted artifacts are removed, and not before', async () => {
    await setQuota('artifacts_of_organization', 1);
    const id = await ready();
    await ada.ask('DELETE', `/api/artifacts/${id}/`);
    await sweep();
    // The address could still bring the object back.
    expect((await begin('2')).status).toBe(409);
    expect(api.objects.has(`artifacts/${id}`)).toBe(true);
    await closeAddresses();
    expect(await sweep()).toBe(1);
    expect(api.objects.has(`artifacts/${id}`)).toBe(false);
    expect((await begin('2')).status).toBe(201);
  });
});

describe('the sweep', () => {
  test('removes what was never uploaded, what has expired, and what belongs to a deleted organization', async () => {
    const { body: lab } = await ada.ask('POST', '/api/organizations/', { name: 'Lab' });
    const kept = await ready('1');
    const [expired, orphan] = [await ready('2'), await ready('3', { organization: lab.id })];
    const { body: never } = await begin('4');
    await ada.ask('DELETE', `/api/organizations/${lab.id}/`);
    await on.admin`update artifacts set expires_at = now() where id = ${expired}`;
    await closeAddresses();
    expect(await sweep()).toBe(3);
    for (const id of [expired, orphan, never.id]) expect(api.objects.has(`artifacts/${id}`)).toBe(false);
    expect(api.objects.has(`artifacts/${kept}`)).toBe(true);
    expect(
      await on.admin`select from artifacts where id = any (${[expired, orphan, never.id]}::uuid[])`,
    ).toHaveLength(0);
    expect(await usage()).toEqual([1, 1]);
    expect(await sweep()).toBe(0);
  });

  test('keeps a row until its object is gone, wherever it breaks off', async () => {
    const ids = [await ready('1'), await ready('2'), await ready('3')];
    for (const id of ids) await ada.ask('DELETE', `/api/artifacts/${id}/`);
    await closeAddresses();
    const artifacts = {
      remove: async (key: string) => {
        if (key.endsWith(ids[1] ?? '')) throw new Error('S3 is away');
        await api.artifacts.remove(key);
      },
    };
    const broken = sweepArtifacts({ db: on.as('dispatcher'), artifacts }, () => true);
    await expect(broken).rejects.toThrow('S3 is away');
    expect(await usage()).toEqual([1, 1]);
    expect([...api.objects.keys()].filter((key) => ids.some((id) => key.endsWith(id)))).toEqual([
      `artifacts/${ids[1]}`,
    ]);
    expect(await sweep()).toBe(1);
    expect(await usage()).toEqual([0, 0]);
  });

  test('makes no artifact ready whose removal has begun', async () => {
    const { body } = await begin('x');
    api.objects.set(`artifacts/${body.id}`, Buffer.from('x'));
    await closeAddresses();
    const artifacts = {
      remove: async (key: string) => {
        expect((await ada.ask('POST', `/api/artifacts/${body.id}/complete/`)).status).toBe(404);
        await api.artifacts.remove(key);
      },
    };
    expect(await sweepArtifacts({ db: on.as('dispatcher'), artifacts }, () => true)).toBe(1);
  });

  test('of one organization does not wait for the sums of another', async () => {
    const bob = await api.register();
    const id = await ready('1');
    const { body: his } = await begin('2', {}, bob);
    for (const [who, each] of [
      [ada, id],
      [bob, his.id],
    ] as const)
      await who.ask('DELETE', `/api/artifacts/${each}/`);
    await closeAddresses();
    // Somebody holds Ada's sums for long. Bob's statements must not wait behind the sweep.
    const [held, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holder = on.as('dispatcher').begin(async (tx) => {
      await tx`select from artifact_usage where organization_id = ${ada.organizationId} for update`;
      held.resolve();
      await letGo.promise;
    });
    await held.promise;
    const sweeping = sweep();
    await expect
      .poll(async () => {
        const rows =
          await on.admin`select from pg_stat_activity where wait_event_type = 'Lock' and query like '%artifact_usage%'`;
        return rows.length;
      })
      .toBeGreaterThan(0);
    expect((await begin('3', {}, bob)).status).toBe(201);
    letGo.resolve();
    await holder;
    await sweeping;
  });
});

describe('a file is refused', () => {
  test.each([
    ['a name with a slash', { name: 'a/b' }, '/name'],
    ['a blank name', { name: ' ' }, '/name'],
    ['a name of 256 characters', { name: 'x'.repeat(256) }, '/name'],
    ['a media type without a subtype', { media_type: 'text' }, '/media_type'],
    ['a media type with a line end', { media_type: 'text/csv\r\nx: y' }, '/media_type'],
    ['a media type of 128 characters', { media_type: `text/${'x'.repeat(123)}` }, '/media_type'],
    ['a short checksum', { sha256: 'abc' }, '/sha256'],
    ['more than 5,000,000,000 bytes', { bytes: 5_000_000_001 }, '/bytes'],
    ['a negative length', { bytes: -1 }, '/bytes'],
  ])('for %s', async (_what, given, pointer) => {
    const { status, body } = await begin('x', given);
    expect([status, body.errors?.[0]?.pointer]).toEqual([400, pointer]);
  });

  test('and at the edge of each of these limits it is not', async () => {
    for (const given of [
      { name: 'x'.repeat(255) },
      { media_type: `text/${'x'.repeat(122)}` },
      { media_type: 'Text/CSV; charset=UTF-8' },
      { bytes: 5_000_000_000 },
      { bytes: 0 },
    ])
      expect((await begin('x', given)).status).toBe(201);
  });
});
