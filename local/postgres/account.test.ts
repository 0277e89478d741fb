import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { clusterAccount, type Users, usersOfMachine } from './account.ts';

const isRoot = process.getuid?.() === 0;

const machine = (named: Record<string, number>, others: readonly number[] = []): Users => ({
  find: (name) => (named[name] === undefined ? undefined : { uid: named[name], gid: named[name] }),
  all: () => [0, ...others].map((id) => ({ uid: id, gid: id })),
});

test('the list of users has root, and numbers alone', () => {
  expect(usersOfMachine.all()).toContainEqual({ uid: 0, gid: 0 });
  for (const { uid, gid } of usersOfMachine.all()) expect([uid, gid].every(Number.isInteger)).toBe(true);
  expect(usersOfMachine.find('no such user')).toBeUndefined();
});

if (isRoot) {
  for (const [what, users, uid] of [
    ['postgres before nobody', machine({ postgres: 5, nobody: 6 }), 5],
    ['nobody where there is no postgres', machine({ nobody: 6 }), 6],
    ['any user but root where there is neither', machine({}, [7, 8]), 7],
    ['no postgres that is root', machine({ postgres: 0, nobody: 6 }), 6],
  ] as const) {
    test(`root's Postgres runs as ${what}`, () => {
      expect(clusterAccount('/nowhere', users)).toEqual({ uid, gid: uid });
    });
  }

  test('a database keeps its owner when a better account comes', async () => {
    const cluster = await mkdtemp(join(tmpdir(), 'celeriac-account-'));
    await chown(cluster, 6, 66);
    expect(clusterAccount(cluster, machine({ postgres: 5, nobody: 6 }))).toEqual({ uid: 6, gid: 66 });
    await rm(cluster, { recursive: true });
  });

  test('a machine with no user but root is one clear line', () => {
    expect(() => clusterAccount('/nowhere', machine({}))).toThrow(
      /^Postgres cannot run as root, .*useradd.*$/,
    );
  });
} else {
  test('the Postgres of somebody who is not root runs as the same user', () => {
    expect(clusterAccount('/nowhere', machine({ postgres: 5 }))).toBeUndefined();
  });
}
