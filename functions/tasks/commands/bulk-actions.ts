import type { Database, Transaction } from '../../database/connect.ts';
import { asMember, asMemberOf, membershipIn, type Principal } from '../../database/enter.ts';
import { roleInsufficient } from '../../organizations/rights.ts';
import { batchIn } from '../queries/batches.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings } from '../task.ts';
import type { ChangeDeps } from './change.ts';
import { tooManyPending, violated, wake } from './create.ts';
import { fillLanes } from './fill-lanes.ts';

/** What to do to all tasks that fit a filter. */
export type BulkAction =
  | { action: 'cancel' }
  | { action: 'retry' }
  /** RFC 3339 */
  | { action: 'reschedule'; scheduledTime: string };

export type BulkFilter = Omit<store.Selection, 'organizationId' | 'batch' | 'notAt'> & {
  /** Null for all that the principal may write to. */
  organizationId: string | null;
  batchId: string | null;
};

/** The filter that leaves out nothing. */
export const EVERYTHING: BulkFilter = {
  organizationId: null,
  batchId: null,
  ids: null,
  statuses: null,
  kind: null,
  queue: null,
  createdBy: null,
  createdFrom: null,
  createdTo: null,
  scheduledFrom: null,
  scheduledTo: null,
};

/** What came of it. */
export type BulkOutcome = {
  /** Tasks that fit the filter, and that the action can be done to. */
  matched: number;
  /** Those that it was done to. */
  changed: number;
  /** For a retry: tasks that fit the filter, but for running until they have heard of their cancel. */
  stopping: number;
  /** False when the time was up before all were looked at, or when tasks are stopping: ask again, and it goes on. */
  complete: boolean;
};

/** A dry run counts so far. */
const MAX_COUNT = 100_000;

/** A unique key was taken while a statement ran: it is tried so often. */
const TRIES = 3;

const MOVE = { cancel: 'cancel', retry: 'requeue', reschedule: 'reschedule' } as const satisfies Record<
  BulkAction['action'],
  store.BulkMove
>;

/**
 * Cancels, retries or reschedules all tasks that fit a filter, a thousand per statement and transaction; each is done or
 * not, by the guard of its move. Watchers hear, and what is due gets its message.
 *
 * @param remainingSeconds of this invocation; it is left in time
 * @throws Refusal `organization_not_found`, `batch_not_found`, `role_insufficient`
 */
export async function actInBulk(
  deps: ChangeDeps,
  principal: Principal,
  {
    wanted,
    filter,
    remainingSeconds,
  }: { wanted: BulkAction; filter: BulkFilter; remainingSeconds: () => number },
): Promise<BulkOutcome> {
  const done: BulkOutcome = { matched: 0, changed: 0, stopping: 0, complete: true };
  for await (const selection of selections(deps, principal, { wanted, ...filter })) {
    let after: string | null = null;
    do {
      if (remainingSeconds() <= 0) return { ...done, complete: false };
      const step = await change(deps, principal, { wanted, selection, after });
      done.matched += step.matched;
      done.stopping += step.stopping;
      done.changed += step.rows.length;
      after = step.reached;
    } while (after !== null);
  }
  return { ...done, complete: done.stopping === 0 };
}

/**
 * Cancels a batch as a whole: what waits for good, what runs by asking, and the import that may still bring tasks.
 *
 * @throws Refusal `batch_not_found`, `role_insufficient`
 */
export async function cancelBatch(
  deps: ChangeDeps,
  principal: Principal,
  { batchId, remainingSeconds }: { batchId: string; remainingSeconds: () => number },
): Promise<BulkOutcome> {
  const stopped = await asMember(deps.db, principal, async (tx) => {
    const { importTaskId, sealed } = await batchIn(tx, batchId);
    // First: from now on it writes nothing more.
    return importTaskId !== null && !sealed ? store.cancel(tx, importTaskId) : undefined;
  });
  if (stopped) deps.announce([stopped]);
  return actInBulk(deps, principal, {
    wanted: { action: 'cancel' },
    filter: { ...EVERYTHING, batchId },
    remainingSeconds,
  });
}

/**
 * Runs a batch again as a whole: what has failed or was cancelled of it, and its import, if that was, which goes on where it
 * was.
 *
 * @throws Refusal `batch_not_found`, `role_insufficient`
 */
export async function retryBatch(
  deps: ChangeDeps,
  principal: Principal,
  { batchId, remainingSeconds }: { batchId: string; remainingSeconds: () => number },
): Promise<BulkOutcome> {
  const resumed = await asMember(deps.db, principal, async (tx) => {
    const { importTaskId } = await batchIn(tx, batchId);
    return importTaskId === null ? undefined : store.requeue(tx, importTaskId, deps.dispatch);
  });
  if (resumed) {
    deps.announce([resumed]);
    await wake(deps, principal, [resumed]);
  }
  return actInBulk(deps, principal, {
    wanted: { action: 'retry' },
    filter: { ...EVERYTHING, batchId },
    remainingSeconds,
  });
}

/** Counts the tasks that `actInBulk` would take, up to a bound. */
export async function countInBulk(
  deps: ChangeDeps,
  principal: Principal,
  {
    wanted,
    filter,
    remainingSeconds,
  }: { wanted: BulkAction; filter: BulkFilter; remainingSeconds: () => number },
): Promise<BulkOutcome> {
  const counted: BulkOutcome = { matched: 0, changed: 0, stopping: 0, complete: true };
  for await (const selection of selections(deps, principal, { wanted, ...filter })) {
    let after: string | null = null;
    do {
      if (remainingSeconds() <= 0 || counted.matched >= MAX_COUNT) return { ...counted, complete: false };
      const from: string | null = after;
      const { organizationId } = selection;
      const step: store.BulkStep = await asMemberOf(deps.db, { ...principal, organizationId }, (tx) =>
        store.countBulkStep(tx, { move: MOVE[wanted.action], given: selection, after: from }),
      );
      counted.matched += step.matched;
      counted.stopping += step.stopping;
      after = step.reached;
    } while (after !== null);
  }
  return { ...counted, complete: counted.stopping === 0 };
}

/** Organizations that one statement finds. */
const HOMES = 500;

/** What is meant, by organization: those that the principal may write to, and that of the batch alone if one is named. */
async function* selections(
  { db }: ChangeDeps,
  principal: Principal,
  { wanted, organizationId, batchId, ...filter }: BulkFilter & { wanted: BulkAction },
): AsyncGenerator<store.Selection> {
  // What has been given its time is done; or who asks again would begin anew, and never come to the end.
  const notAt = wanted.action === 'reschedule' ? wanted.scheduledTime : null;
  if (batchId !== null || organizationId !== null) {
    const home = await namedHome(db, principal, { organizationId, batchId });
    if (home) yield { ...filter, ...home, notAt };
    return;
  }
  let after: string | null = null;
  do {
    const from: string | null = after;
    const homes: string[] = await asMember(db, principal, (tx) =>
      store.organizationsWithTasks(tx, { memberId: principal.userId, after: from, limit: HOMES }),
    );
    for (const id of homes) yield { ...filter, batch: null, notAt, organizationId: id };
    after = homes.length === HOMES ? (homes.at(-1) ?? null) : null;
  } while (after !== null);
}

/**
 * The organization of the named batch, or the named one.
 *
 * @returns undefined when nothing can be meant: a batch without tasks, or of another organization than the named one
 * @throws Refusal `organization_not_found`, `batch_not_found`, `role_insufficient`
 */
async function namedHome(
  db: Database,
  principal: Principal,
  { organizationId, batchId }: Pick<BulkFilter, 'organizationId' | 'batchId'>,
): Promise<Pick<store.Selection, 'organizationId' | 'batch'> | undefined> {
  return asMember(db, principal, async (tx) => {
    const batch = batchId === null ? null : await batchIn(tx, batchId);
    const named = organizationId === null ? null : await membershipIn(tx, organizationId);
    if (batch && named && batch.organizationId !== named.organizationId) return undefined;
    const home = named ?? (await membershipIn(tx, batch?.organizationId ?? ''));
    // Who names one wants to hear that it is not theirs to change; among all of them it is only left out.
    if (home.role === 'viewer') throw roleInsufficient(home.role);
    // A batch without tasks has no range, and no task either.
    if (batch && batch.firstTaskId === null) return undefined;
    return { organizationId: home.organizationId, batch };
  });
}

async function change(
  deps: ChangeDeps,
  principal: Principal,
  { wanted, selection, after }: { wanted: BulkAction; selection: store.Selection; after: string | null },
): Promise<store.ChangedBulkStep> {
  const statement = (tx: Transaction) => {
    switch (wanted.action) {
      case 'cancel':
        return store.cancelMany(tx, { given: selection, after });
      case 'retry':
        return requeueWithRoom(tx, { selection, after, dispatch: deps.dispatch });
      case 'reschedule':
        return store.rescheduleMany(tx, {
          given: selection,
          after,
          scheduledTime: wanted.scheduledTime,
          dispatch: deps.dispatch,
        });
    }
  };
  const { organizationId } = selection;
  const step = await repeated(() => asMemberOf(deps.db, { ...principal, organizationId }, statement));
  deps.announce(step.rows);
  if (wanted.action !== 'cancel') await wake(deps, principal, step.rows);
  if (wanted.action !== 'retry') await fillLanes(deps, principal, lanesLeft(step.rows));
  return step;
}

/** @throws Refusal `too_many_pending` when the organization has no room for a whole step */
async function requeueWithRoom(
  tx: Transaction,
  {
    selection,
    after,
    dispatch,
  }: { selection: store.Selection; after: string | null; dispatch: DispatchSettings },
): Promise<store.ChangedBulkStep> {
  const { organizationId } = selection;
  const full = await store.fullBound(tx, { organizationId, userId: null, count: store.BULK_STEP.changed });
  if (full) throw tooManyPending(full);
  return store.requeueMany(tx, { given: selection, after, dispatch });
}

/** Lanes in which tasks that no longer wait there, or no longer run soon, may have had a place. */
const lanesLeft = (rows: store.ChangedBulkStep['rows']): store.Lane[] =>
  rows.filter(({ status }) => status === 'SCHEDULED' || status === 'CANCELLED').flatMap(store.lanesOf);

async function repeated<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (violated(error) === undefined || tries === TRIES) throw error;
    }
  }
}
