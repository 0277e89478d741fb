import { afterAll, beforeAll, expect, test } from 'vitest';
import { largestTableBytes } from './size.ts';
import { type DatabaseFixture, databaseFixture } from './testing/database-fixture.ts';

let on: DatabaseFixture;
beforeAll(async () => {
  on = await databaseFixture();
});
afterAll(() => on.close());

test('the dispatcher sees how large the largest table is, also one that it may not read', async () => {
  await on.admin`create table large as select md5(i::text) from generate_series(1, 20000) i`;
  const [row] = await on.admin<{ bytes: number }[]>`select pg_total_relation_size('large')::float as bytes`;
  await expect.poll(() => largestTableBytes(on.as('dispatcher'))).toBe(row?.bytes);
});
