import { v7 as uuidv7 } from 'uuid';
import { expect, vi } from 'vitest';
import type { Database, Transaction } from '../../database/connect.ts';
import { asMember } from '../../database/enter.ts';
import type { Member } from '../../database/testing/database-fixture.ts';
import * as store from '../store.ts';

/** Opens a connection of the member, and returns its id. */
export async function openConnection(socket: Database, member: Member): Promise<string> {
  const id = uuidv7();
  await asMember(socket, member, (tx) => store.openConnection(tx, id, member));
  return id;
}

/** Resolves when a session of this database waits for a lock. */
export async function somebodyWaits(on: Database | Transaction): Promise<void> {
  await vi.waitFor(async () => {
    await on`select pg_stat_clear_snapshot()`;
    const waiting = await on`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    expect(waiting).toHaveLength(1);
  }, 5000);
}
