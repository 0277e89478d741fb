import { afterAll, beforeEach, expect, test } from 'vitest';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import * as store from './index.ts';

const on: DatabaseFixture = await databaseFixture();
const workers = [on.as('worker'), on.as('worker'), on.as('worker')];
const dispatcher = on.as('dispatcher');
let ada: Member;
beforeEach(async () => {
  ada = await on.member();
  await quotas(1, 5);
});
afterAll(() => on.close());

const quotas = (perSecond: number, atOnce: number) => on.admin`
  update quotas set value = case name when 'requests_per_second' then ${perSecond}::bigint else ${atOnce}::bigint end
  where name in ('requests_per_second', 'requests_at_once')`;

const take = (
  host: string,
  { by = workers[0] as (typeof workers)[number], of = ada, longestSeconds = 3_600 } = {},
) => store.takeOutboundTurn(by, { organizationId: of.organizationId, host, longestSeconds });

test('an organization sends a burst of requests to a host, and then one after the other, from all workers together', async () => {
  const turns = await Promise.all(
    Array.from({ length: 15 }, (_, n) =>
      take('a.example', { by: workers[n % workers.length] as (typeof workers)[number] }),
    ),
  );
  const waits = turns
    .map((turn) => (turn.kind === 'go' ? turn.afterSeconds : Number.NaN))
    .toSorted((one, other) => one - other);
  expect(turns.every(({ kind }) => kind === 'go')).toBe(true);
  // Rounded up to whole turns, because the time of the statements has shortened the waits.
  const whole = waits.map((seconds) => Math.ceil(seconds));
  expect(whole.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
  expect(whole.at(-1)).toBeGreaterThan(5);
  expect(whole.at(-1)).toBeLessThanOrEqual(10);
});

test('each host and each organization is counted separately', async () => {
  const eve = await on.member();
  for (let n = 0; n < 20; n += 1) await take('a.example');
  expect(await take('b.example')).toEqual({ kind: 'go', afterSeconds: 0 });
  expect(await take('a.example', { of: eve })).toEqual({ kind: 'go', afterSeconds: 0 });
});

test('a turn too far in the future is not taken', async () => {
  for (let n = 0; n < 60; n += 1) await take('a.example');
  expect(await take('a.example', { longestSeconds: 1 })).toEqual({ kind: 'busy', afterSeconds: 1 });
  const [before] =
    await on.admin`select next_at from outbound_turns where organization_id = ${ada.organizationId}`;
  await take('a.example', { longestSeconds: 1 });
  const [after] =
    await on.admin`select next_at from outbound_turns where organization_id = ${ada.organizationId}`;
  expect(after).toEqual(before);
});

test('a stopped host includes its subdomains, and no other host', async () => {
  await store.stopHost(dispatcher, 'b.example', 'complained');
  await store.stopHost(dispatcher, 'b.example', 'complained again');
  for (const host of ['b.example', 'www.b.example', 'a.www.b.example'])
    expect(await take(host), host).toEqual({ kind: 'stopped', host: 'b.example' });
  for (const host of ['example', 'ab.example', 'b.example.org', 'xb.example'])
    expect(await take(host), host).toMatchObject({ kind: 'go' });
  expect(await store.stoppedHosts(dispatcher)).toMatchObject([
    { host: 'b.example', reason: 'complained again' },
  ]);
  expect(await store.resumeHost(dispatcher, 'b.example')).toBe(true);
  expect(await store.resumeHost(dispatcher, 'b.example')).toBe(false);
  expect(await take('b.example')).toMatchObject({ kind: 'go' });
});

test('past turns are deleted', async () => {
  await take('a.example');
  await take('b.example');
  await on.admin`update outbound_turns set next_at = now() - interval '2 minutes' where host = 'a.example'`;
  await store.removeOutboundTurns(dispatcher, 1_000);
  const rows = await on.admin`select host from outbound_turns where organization_id = ${ada.organizationId}`;
  expect([...rows]).toEqual([{ host: 'b.example' }]);
});
