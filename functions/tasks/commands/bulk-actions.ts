import type { Database, Transaction } from '../../database/connect.ts';
import { asMember, asMemberOf, membershipIn, type Principal } from '../../database/enter.ts';
import { roleInsufficient } from '../../organizations/rights.ts';
import { batchIn } from '../queries/batches.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings } from '../task.ts';
import type { ChangeDeps } from './change.ts';
import { tooManyPending, violated, wake } from './create.ts';
import { fillLanes } from './fill-lanes.ts';

/** An action on all tasks that fit a filter. */
export type BulkAction =
  | { action: 'cancel' }
  | { action: 'retry' }
  /** RFC 3339 */
  | { action: 'reschedule'; scheduledTime: string };

export type BulkFilter = Omit<store.Selection, 'organizationId' | 'batch' | 'notAt'> & {
  /** Null for all organizations that the principal may write to. */
  organizationId: string | null;
  batchId: string | null;
};

/** The action, the filter of its tasks, and the remaining seconds of this invocation. The work stops before they run out. */
export type BulkRequest = { wanted: BulkAction; filter: BulkFilter; remainingSeconds: () => number };

/** The filter that excludes nothing. */
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

/** Result of a bulk action. */
export type BulkOutcome = {
  /** Tasks that fit the filter and allow the action. */
  matched: number;
  /** Tasks that the action changed. */
  changed: number;
  /** For a retry: tasks that fit the filter otherwise, but still run because their cancel has not stopped them yet. */
  stopping: number;
  /** False when the time was up before all tasks were looked at, or when tasks are stopping. A further call goes on. */
  complete: boolean;
};

/** Upper bound of what a dry run counts. */
const MAX_COUNT = 100_000;

/** Number of tries when a unique key is taken while a statement runs. */
const TRIES = 3;

const MOVE = { cancel: 'cancel', retry: 'requeue', reschedule: 'reschedule' } as const satisfies Record<
  BulkAction['action'],
  store.BulkMove
>;

/**
 * Cancels, retries or reschedules all tasks that fit a filter, a thousand per statement and transaction. The guard of the move
 * decides for each task. Watchers are notified, and due tasks get their message.
 *
 * @throws Refusal `organization_not_found`, `batch_not_found`, `role_insufficient`; `too_many_pending` for a retry
 */
export async function actInBulk(
  deps: ChangeDeps,
  principal: Principal,
  request: BulkRequest,
): Promise<BulkOutcome> {
  return stepByStep(deps, principal, {
    ...request,
    maxMatched: Number.POSITIVE_INFINITY,
    step: (selection, after) => change(deps, principal, { wanted: request.wanted, selection, after }),
  });
}

/** Counts the tasks that `actInBulk` would take, up to `MAX_COUNT`. */
export async function countInBulk(
  deps: ChangeDeps,
  principal: Principal,
  request: BulkRequest,
): Promise<BulkOutcome> {
  const move = MOVE[request.wanted.action];
  return stepByStep(deps, principal, {
    ...request,
    maxMatched: MAX_COUNT,
    step: (given, after) =>
      asMemberOf(deps.db, { ...principal, organizationId: given.organizationId }, (tx) =>
        store.countBulkStep(tx, { move, given, after }),
      ),
  });
}

/** Takes the steps of all selections, until the time is up or enough tasks have matched. */
async function stepByStep(
  deps: ChangeDeps,
  principal: Principal,
  { wanted, filter, remainingSeconds, maxMatched, step }: BulkRequest & { maxMatched: number; step: Step },
): Promise<BulkOutcome> {
  const done: BulkOutcome = { matched: 0, changed: 0, stopping: 0, complete: true };
  for await (const selection of selections(deps, principal, { wanted, ...filter })) {
    let after: string | null = null;
    do {
      if (remainingSeconds() <= 0 || done.matched >= maxMatched) return { ...done, complete: false };
      const { matched, stopping, reached, rows = [] }: StepResult = await step(selection, after);
      done.matched += matched;
      done.stopping += stopping;
      done.changed += rows.length;
      after = reached;
    } while (after !== null);
  }
  return { ...done, complete: done.stopping === 0 };
}

/** One step of a selection, after the id that the step before reached. */
type Step = (selection: store.Selection, after: string | null) => Promise<StepResult>;
type StepResult = store.BulkStep & { rows?: readonly unknown[] };

/**
 * Cancels a batch as a whole. Waiting tasks are cancelled for good, running tasks are asked to stop, and the import that may
 * still add tasks is cancelled too.
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
    // Cancel the import first, so that it adds no more tasks.
    return importTaskId !== null && !sealed ? store.cancel(tx, importTaskId) : undefined;
  });
  if (stopped) deps.announce([stopped]);
  const filter = { ...EVERYTHING, batchId };
  return actInBulk(deps, principal, { wanted: { action: 'cancel' }, filter, remainingSeconds });
}

/**
 * Runs a batch again as a whole: its failed and cancelled tasks, and its import if that failed or was cancelled. The import
 * continues where it stopped.
 *
 * @throws Refusal `batch_not_found`, `role_insufficient`, `too_many_pending`
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
  const filter = { ...EVERYTHING, batchId };
  return actInBulk(deps, principal, { wanted: { action: 'retry' }, filter, remainingSeconds });
}

/** Upper bound of the organizations that one statement finds. */
const HOMES = 500;

/**
 * Yields one selection for each organization that the principal may write to; only one selection when a batch or an organization
 * is named.
 */
async function* selections(
  { db }: ChangeDeps,
  principal: Principal,
  { wanted, organizationId, batchId, ...filter }: BulkFilter & { wanted: BulkAction },
): AsyncGenerator<store.Selection> {
  // Skip tasks that already have the wanted time. Otherwise a repeated call would begin anew, and never come to an end.
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
 * Returns the organization of the named batch, or the named organization.
 *
 * @returns undefined when no task can fit: the batch has no tasks, or belongs to another organization than the named one
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
    // A viewer who names an organization gets a refusal. Without a name, organizations of a viewer are only left out.
    if (home.role === 'viewer') throw roleInsufficient(home.role);
    // A batch without tasks has no range of ids.
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

/** @throws Refusal `too_many_pending` when the organization, or the installation, has no room for a whole step */
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

/** Returns the lanes in which these tasks may have left a free place, because they no longer wait there or no longer run soon. */
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
