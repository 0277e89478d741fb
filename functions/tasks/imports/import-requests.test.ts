import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { importIds, LINES } from '../kinds/batch-import/import-ids.ts';
import { importStage, lines } from './testing/import-stage.ts';

const stage = importStage();
const { begin, run, tasksOf } = stage;

describe('asking for an import', () => {
  test('gets an upload address in one’s own organization', async () => {
    const { status, body } = await stage.ada.ask('POST', '/api/uploads/', { format: 'csv', bytes: 7 });
    expect([status, body]).toEqual([
      201,
      {
        id: expect.any(String),
        organization: stage.ada.organizationId,
        method: 'PUT',
        url: `https://s3.example.com/uploads/${stage.ada.organizationId}/${body.id}?bytes=7`,
        headers: { 'content-type': 'text/csv' },
        expires_at: expect.stringMatching(/Z$/),
      },
    ]);
  });

  test('is refused to viewers and non-members', async () => {
    const eve = await stage.api.register();
    const { organizationId: organization } = stage.ada;
    const upload = () => eve.ask('POST', '/api/uploads/', { format: 'csv', bytes: 7, organization });
    const start = () =>
      eve.ask('POST', '/api/batches/import/', { upload: randomUUID(), format: 'csv', organization });
    for (const ask of [upload, start]) expect((await ask()).body.code).toBe('organization_not_found');
    await stage.on.admin`insert into memberships values (${organization}, ${eve.userId}, 'viewer')`;
    for (const ask of [upload, start]) expect((await ask()).body.code).toBe('role_insufficient');
  });

  test('names its task after the batch, cut to the maximum length between characters', async () => {
    const begun = await begin(lines(1), { name: `x${'🥬'.repeat(199)}` });
    const { body } = await stage.ada.ask('GET', `/api/tasks/${begun.task}/`);
    expect(body.name).toBe(`Import of x${'🥬'.repeat(189)}`);
  });

  test('refuses an unknown or foreign upload', async () => {
    const eve = await stage.api.register();
    const id = randomUUID();
    stage.api.objects.set(`uploads/${eve.organizationId}/${id}`, Buffer.from('{}'));
    for (const upload of [id, randomUUID()]) {
      const { status, body } = await stage.ada.ask('POST', '/api/batches/import/', {
        upload,
        format: 'ndjson',
      });
      expect([status, body.code]).toEqual([404, 'upload_not_found']);
    }
  });

  test('is not possible by creating a task', async () => {
    for (const path of ['/api/tasks/', '/api/tasks/bulk/']) {
      const task = { name: 'x', kind: 'batch.import', payload: {} };
      const { status } = await stage.ada.ask('POST', path, path.includes('bulk') ? { tasks: [task] } : task);
      expect(status).toBe(400);
    }
  });

  test('does nothing when the payload names another organization’s batch', async () => {
    const begun = await begin(lines(1));
    const eve = await stage.api.register();
    // As if she had found a way to create such a task.
    await stage.on.admin`update tasks set organization_id = ${eve.organizationId} where id = ${begun.task}`;
    await expect(run(begun)).rejects.toMatchObject({ code: 'import_over' });
    expect(await tasksOf(begun)).toEqual([]);
  });

  test('with the same idempotency key begins no second import', async () => {
    const upload = randomUUID();
    stage.api.objects.set(`uploads/${stage.ada.organizationId}/${upload}`, Buffer.from(lines(1)));
    const headers = { 'idempotency-key': randomUUID() };
    const ask = () => stage.ada.ask('POST', '/api/batches/import/', { upload, format: 'ndjson' }, headers);
    const first = await ask();
    await stage.on
      .admin`update idempotency_keys set status = null, body = null, locked_until = now() - interval '1 second'`;
    const again = await ask();
    expect([again.status, again.body.task]).toEqual([202, first.body.task]);
    expect((await stage.ada.ask('GET', '/api/batches/')).body.results).toHaveLength(1);
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
