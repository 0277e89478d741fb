import { v7 as uuidv7 } from 'uuid';
import { expect } from 'vitest';
import type { Database, Transaction } from '../../../database/connect.ts';
import { asMember } from '../../../database/enter.ts';
import type { DatabaseFixture, Member } from '../../../database/testing/database-fixture.ts';
import type { NewTask } from '../../store/index.ts';
import { DISPATCH } from '../fixtures.ts';
import { TaskModel } from './model.ts';
import { type Entry, later, NEVER, type Row } from './row.ts';

/** Longest time that a busy machine may need between a statement and the model's copy of it. */
export const TOLERANCE_SECONDS = 5;

/** The columns of a row in a form that database and model have in common. */
type Seen = Record<string, unknown> & { id: string };

/** The real system: Postgres, as the functions reach it, with the tasks of one member. */
export class System {
  readonly on: DatabaseFixture;
  readonly api: Database;
  readonly worker: Database;
  readonly dispatcher: Database;
  readonly ada: Member;
  /** A member of another organization. */
  readonly eve: Member;
  readonly model: TaskModel;
  /** Ids in the order of creation. */
  readonly ids: string[] = [];
  readonly batches: string[] = [];
  #offsetMilliseconds = 0;
  #last = 0;

  private constructor(on: DatabaseFixture, connections: Connections, [ada, eve]: readonly [Member, Member]) {
    this.on = on;
    [this.api, this.worker, this.dispatcher] = connections;
    [this.ada, this.eve] = [ada, eve];
    this.model = new TaskModel({ now: () => this.now(), random: () => 0 });
  }

  /** Returns a system without tasks. */
  static async empty(on: DatabaseFixture, connections: Connections): Promise<System> {
    await on.admin`delete from tasks`;
    await on.admin`delete from batches`;
    await on.admin`delete from pauses`;
    const system = new System(on, connections, [await on.member(), await on.member()]);
    await system.quotas({ organization: 1_000, user: 1_000 });
    return system;
  }

  /** Sets how many tasks that wait for the network may run at once. */
  async quotas({ organization, user }: { organization: number; user: number }): Promise<void> {
    await this.on.admin`
      update quotas set value = case name when 'running_requests_of_user' then ${user}::bigint else ${organization}::bigint end
      where name in ('running_requests_of_user', 'running_requests_of_organization')`;
  }

  /** Returns the database's time plus everything that was skipped. Never returns a time twice. */
  now(): Date {
    this.#last = Math.max(this.#last + 0.001, Date.now() + this.#offsetMilliseconds);
    return new Date(this.#last);
  }

  /** Returns a time in the future as a client would write it, by the real clock. */
  timestamp(inSeconds: number): string {
    return new Date(Date.now() + inSeconds * 1000).toISOString();
  }

  /** Converts a client's time to the model's clock. */
  inModel(timestamp: string | null): string | null {
    return timestamp && new Date(Date.parse(timestamp) + this.#offsetMilliseconds).toISOString();
  }

  asAda<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return asMember(this.api, this.ada, work);
  }

  /** Inserts ada's tasks into the model. */
  create(tasks: readonly NewTask[], batchId: string | null = null): ReturnType<TaskModel['insert']> {
    this.ids.push(...tasks.map(({ id }) => id));
    const timed = tasks.map((task) => ({ ...task, scheduledTime: this.inModel(task.scheduledTime) }));
    const { organizationId } = this.ada;
    return this.model.insert(timed, { organizationId, batchId, dispatch: DISPATCH });
  }

  newBatch(): string {
    const id = uuidv7();
    this.batches.push(id);
    return id;
  }

  /** Lets time pass: every row is moved into the past. */
  async skip(seconds: number): Promise<void> {
    this.#offsetMilliseconds += seconds * 1000;
    const columns = [
      'scheduled_time',
      'run_at',
      'lease_until',
      'next_dispatch_at',
      'started_at',
      'finished_at',
    ];
    const set = columns.map((column) => `${column} = ${column} - interval '${seconds} seconds'`);
    await this.on.admin.unsafe(`update tasks set ${set.join(', ')}`);
  }

  /**
   * Postpones rescued tasks by two minutes, instead of the random fraction of a second. Otherwise the next step could fall
   * between the database's reading of the clock and the model's.
   */
  async waitWholeMinutes(rescued: readonly { id: string }[]): Promise<void> {
    const ids = rescued.map(({ id }) => id);
    await this.on.admin`
      update tasks set run_at = updated_at + interval '2 minutes'
      where id = any (${ids}::uuid[]) and status = 'SCHEDULED'`;
    for (const id of ids) {
      const row = this.model.rows.get(id);
      if (row?.status === 'SCHEDULED') this.model.put({ ...row, runAt: later(row.updatedAt, 120) });
    }
  }

  /** Compares all rows, attempts and counters with the model. The model adopts values that only the database can know. */
  async compare(): Promise<void> {
    const rows = await this.on.admin<Seen[]>`
      select id, status, attempt, attempt_limit as "attemptLimit", crashes, seq, dispatches, held_by as "heldBy", cause,
        progress, result, error ->> 'code' as error, cancel_requested_at is not null as "cancelRequested",
        finished_at is not null as finished,
        has_dependents as "hasDependents",
        1000 * extract(epoch from run_at)::float8 as "runAt", 1000 * extract(epoch from lease_until)::float8 as "leaseUntil",
        1000 * extract(epoch from next_dispatch_at)::float8 as "nextDispatchAt",
        1000 * extract(epoch from started_at)::float8 as "startedAt"
      from tasks order by id`;
    const wanted = [...this.model.rows.values()].toSorted((one, other) => (one.id < other.id ? -1 : 1));
    for (const [index, row] of rows.entries()) {
      const mine = wanted[index];
      if (mine?.id === row.id) this.#adopt(mine, row);
    }
    expect(rows.map((row) => this.#comparable(row))).toEqual(
      [...this.model.rows.values()].toSorted((one, other) => (one.id < other.id ? -1 : 1)).map(expected),
    );
    await Promise.all([this.#compareLedger(), this.#compareBatches()]);
  }

  #comparable(row: Seen): Seen {
    const times = ['runAt', 'leaseUntil', 'nextDispatchAt', 'startedAt'].map((name) => [
      name,
      row[name] === null ? null : this.#timeOf(row[name]).toISOString(),
    ]);
    return { ...row, ...Object.fromEntries(times) };
  }

  #timeOf(milliseconds: unknown): Date {
    return Number.isFinite(milliseconds)
      ? new Date((milliseconds as number) + this.#offsetMilliseconds)
      : NEVER;
  }

  /** Adopts the database's times where they match the model's, except for the time that a statement takes. */
  #adopt(mine: Row, row: Seen): void {
    const near = (
      name: 'runAt' | 'leaseUntil' | 'nextDispatchAt' | 'startedAt',
      atMostSeconds = TOLERANCE_SECONDS,
    ) => {
      const time = row[name] === null ? null : this.#timeOf(row[name]);
      const later = (Number(time) - Number(mine[name])) / 1000;
      return time && mine[name] && later > -TOLERANCE_SECONDS && later < atMostSeconds ? time : mine[name];
    };
    // A rescue without a message waits a random time of up to 2^crashes seconds.
    const chance = mine.cause === 'crash' ? Math.min(60, 2 ** (mine.crashes - 1)) : 0;
    this.model.put({
      ...mine,
      runAt: near('runAt', TOLERANCE_SECONDS + chance) ?? mine.runAt,
      leaseUntil: near('leaseUntil'),
      nextDispatchAt: near('nextDispatchAt', TOLERANCE_SECONDS + chance),
      startedAt: near('startedAt'),
    });
  }

  async #compareLedger(): Promise<void> {
    const ledger = await this.on.admin<{ id: string; entry: string }[]>`
      select task_id as id, concat_ws(' ', attempt, outcome, cause, round(delay_seconds)::int, error ->> 'code',
        case when (finished_at is null) <> (outcome = 'running') then 'is unfinished' end) as entry
      from attempts order by task_id, attempt`;
    const written = (id: string, { attempt, outcome, cause, delaySeconds, error }: Entry) => {
      const crash = ledger.find(
        (row) => row.id === id && row.entry.startsWith(`${attempt} crashed ${cause} `),
      );
      const [, chance] = /crashed \w+ (\d+) /.exec(crash?.entry ?? '') ?? [];
      const delay =
        delaySeconds === null ? [] : [chance && Number(chance) <= 60 ? Number(chance) : delaySeconds];
      return [attempt, outcome, cause, ...delay, ...(error ? [error.code] : [])].join(' ');
    };
    const wanted = [...this.model.ledger]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .flatMap(([id, entries]) => entries.map((entry) => ({ id, entry: written(id, entry) })));
    expect(ledger).toEqual(wanted);
  }

  async #compareBatches(): Promise<void> {
    if (this.batches.length === 0) return;
    const batches = await this.on.admin<Seen[]>`
      select id, total, completed, failed, cancelled, finished_at is not null as finished from batches order by id`;
    const count = (of: string, status?: string) =>
      [...this.model.rows.values()].filter(
        (row) => row.batchId === of && (status ?? row.status) === row.status,
      ).length;
    expect([...batches]).toEqual(
      this.batches.toSorted().map((id) => {
        const [completed, failed, cancelled] = ['COMPLETED', 'FAILED', 'CANCELLED'].map((status) =>
          count(id, status),
        );
        const total = count(id);
        const finished = (completed ?? 0) + (failed ?? 0) + (cancelled ?? 0) === total;
        return { id, total, completed, failed, cancelled, finished };
      }),
    );
  }
}

export type Connections = readonly [api: Database, worker: Database, dispatcher: Database];

/** The columns that the database must have for a row. */
function expected(row: Row): Seen {
  const { id, status, attempt, attemptLimit, crashes, seq, dispatches, heldBy, cause, progress, result } =
    row;
  return {
    ...{ id, status, attempt, attemptLimit, crashes, seq, dispatches, heldBy, cause, progress, result },
    error: row.error?.code ?? null,
    cancelRequested: row.cancelRequestedAt !== null,
    finished: row.finishedAt !== null,
    hasDependents: row.hasDependents,
    runAt: row.runAt.toISOString(),
    leaseUntil: row.leaseUntil?.toISOString() ?? null,
    nextDispatchAt: row.nextDispatchAt?.toISOString() ?? null,
    startedAt: row.startedAt?.toISOString() ?? null,
  };
}
