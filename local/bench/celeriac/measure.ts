import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../measuring/clock.ts';
import { type LatenessPlan, PAYLOAD, type System } from '../measuring/contender.ts';
import { closedLoop } from '../measuring/load.ts';
import type { Client } from './client.ts';
import type { Session } from './session.ts';
import { clock, lastEnd } from './store.ts';

/** The task that the bench creates everywhere: without records, so the handler has nothing to do. */
export const NOOP = { name: 'noop', description: PAYLOAD.note } as const;

/** Returns a name that no other task has. It is short, because a body of 10,000 tasks must stay below 1 MiB. */
export function uniqueName(what: string): string {
  return `${what} ${randomBytes(4).toString('hex')}`;
}

/** Milliseconds between a task's end and the creation of the next task, so that the system is idle. */
const REST_MILLISECONDS = 10;

export async function bulk({ client, rows }: Session, tasks: number): ReturnType<System['bulk']> {
  const name = uniqueName('bulk');
  const startedAt = await clock(rows);
  const batches = await client.createMany(tasks, { ...NOOP, name });
  const enqueuedAt = await clock(rows);
  await client.completed(batches);
  const endedAt = await lastEnd(rows, name);
  return { enqueueSeconds: (enqueuedAt - startedAt) / 1000, seconds: (endedAt - startedAt) / 1000 };
}

export async function single(
  { client, idle }: Session,
  load: { clients: number; seconds: number },
): ReturnType<System['single']> {
  const result = await closedLoop(load, () => client.create(NOOP));
  await idle();
  return result;
}

/**
 * Returns the milliseconds from the request to the claim: by the client's clock (the same machine's), and by the
 * database's clock alone.
 */
export async function startLatency(
  { client, completed }: Session,
  samples: number,
  by: Client = client,
): Promise<{ client: number[]; database: number[] }> {
  const latency: { client: number[]; database: number[] } = { client: [], database: [] };
  for (let i = 0; i < samples; i += 1) {
    const sentAt = now();
    const id = await by.create(NOOP);
    const [times] = await completed([id]);
    if (!times) throw new Error('A completed task was not found');
    latency.client.push(times.startedAt - sentAt);
    latency.database.push(times.startedAt - times.createdAt);
    await sleep(REST_MILLISECONDS);
  }
  return latency;
}

export async function lateness(
  { client, completed }: Session,
  { samples, fromSeconds, overSeconds }: LatenessPlan,
): Promise<number[]> {
  const beginning = Date.now() + fromSeconds * 1000;
  const ids: string[] = [];
  for (let i = 0; i < samples; i += 1) {
    const at = new Date(beginning + Math.round((i / samples) * overSeconds * 1000));
    ids.push(await client.create({ ...NOOP, scheduled_time: at.toISOString() }));
  }
  const rows = await completed(ids);
  return rows.map(({ startedAt, runAt }) => startedAt - runAt);
}
