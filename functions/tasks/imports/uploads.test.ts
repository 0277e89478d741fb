import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { apiFunction, type Client } from '../../http/testing/api-function.ts';
import { MAX_STORED_BYTES, MAX_UPLOADS } from '../store/index.ts';
import { MAX_UPLOAD_BYTES, sweepUploads } from './uploads.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let dispatcher: ReturnType<DatabaseFixture['as']>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  dispatcher = on.as('dispatcher');
});
beforeEach(async () => {
  ada = await api.register();
});
afterAll(() => on.close());

const upload = (bytes: number, who = ada) => who.ask('POST', '/api/uploads/', { format: 'csv', bytes });
const sweep = () => sweepUploads({ db: dispatcher, artifacts: api.artifacts }, () => true);
const known = async () =>
  (await on.admin`select id from uploads where organization_id = ${ada.organizationId}`).map(({ id }) => id);
/** Lets time pass for an upload. */
const age = (id: string, by: string) => on.admin`
  update uploads set created_at = created_at - ${by}::text::interval, open_until = open_until - ${by}::text::interval
  where id = ${id}`;

describe('uploads of an organization that are not imported', () => {
  test('have a maximum number, counted for each organization', async () => {
    const eve = await api.register();
    for (let n = 0; n < MAX_UPLOADS; n += 1) expect((await upload(1)).status).toBe(201);
    expect(await upload(1)).toMatchObject({
      status: 409,
      body: { code: 'too_many_uploads', limit: MAX_UPLOADS },
    });
    expect((await upload(1, eve)).status).toBe(201);
  });

  test('have a maximum of bytes in total, exactly', async () => {
    const rest = MAX_STORED_BYTES - 9 * MAX_UPLOAD_BYTES;
    for (let n = 0; n < 9; n += 1) await upload(MAX_UPLOAD_BYTES);
    expect((await upload(rest - 1)).status).toBe(201);
    const refused = { status: 409, body: { code: 'uploads_too_large', limit: MAX_STORED_BYTES } };
    expect(await upload(2)).toMatchObject(refused);
    expect((await upload(1)).status).toBe(201);
    expect(await upload(1)).toMatchObject(refused);
  });

  test('count once when their request is repeated with its key', async () => {
    const ask = () =>
      ada.ask('POST', '/api/uploads/', { format: 'csv', bytes: 1 }, { 'idempotency-key': 'one-upload' });
    const [first, second] = [await ask(), await ask()];
    expect(second.body.id).toBe(first.body.id);
    expect(await known()).toEqual([first.body.id]);
    for (let n = 1; n < MAX_UPLOADS; n += 1) await upload(1);
    expect((await upload(1)).status).toBe(409);
    expect(await ask()).toMatchObject({ status: 201, body: { id: first.body.id } });
  });
});

describe('the sweep', () => {
  const made = async (bytes = 1) => (await upload(bytes)).body.id as string;
  const keyOf = (id: string) => `uploads/${ada.organizationId}/${id}`;

  test('deletes an upload without a file 15 minutes after its address has expired', async () => {
    const [unused, fresh] = [await made(), await made()];
    await age(unused, '29 minutes');
    await sweep();
    expect((await known()).toSorted()).toEqual([unused, fresh].toSorted());
    await age(unused, '2 minutes');
    await sweep();
    expect(await known()).toEqual([fresh]);
  });

  test('keeps an upload for a day, then removes it with its object', async () => {
    const id = await made();
    api.objects.set(keyOf(id), Buffer.from('x'));
    await age(id, '23 hours');
    await sweep();
    await sweep();
    expect([await known(), api.objects.has(keyOf(id))]).toEqual([[id], true]);
    await age(id, '61 minutes');
    await sweep();
    expect([await known(), api.objects.has(keyOf(id))]).toEqual([[], false]);
  });

  test('keeps its results when the bucket fails for another upload', async () => {
    const [unused, failing] = [await made(), await made()];
    for (const id of [unused, failing]) await age(id, '1 hour');
    const head = async (key: string) => {
      if (key === keyOf(failing)) throw new Error('S3 does not answer');
      return api.artifacts.head(key);
    };
    const sweeping = sweepUploads({ db: dispatcher, artifacts: { ...api.artifacts, head } }, () => true);
    await expect(sweeping).rejects.toThrow('S3 does not answer');
    expect(await known()).toEqual([failing]);
  });
});
