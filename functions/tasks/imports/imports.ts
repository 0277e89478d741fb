import type { Database } from '../../database/connect.ts';
import { asMember, asMemberOf, type Principal } from '../../database/enter.ts';
import { JsonText } from '../../exact-json/json-text.ts';
import { Refusal } from '../../refusal.ts';
import type { Bucket } from '../artifacts/bucket.ts';
import {
  type CreateDeps,
  ROOM_SECONDS,
  tooManyPending,
  violated,
  wake,
  whyRefused,
} from '../commands/create.ts';
import { RetryError } from '../define-task.ts';
import { importForbidden, uploadReplaced } from '../kinds/batch-import/failures.ts';
import { importIds, LINES, lineOf } from '../kinds/batch-import/import-ids.ts';
import { KEY_TAKEN, type LineError } from '../kinds/batch-import/line-errors.ts';
import type { ImportPorts } from '../kinds/batch-import/ports.ts';
import { batchImport, type ImportPayload } from '../kinds/batch-import/schema.ts';
import { PLAIN_TASK } from '../new-task.ts';
import { type BatchNow, batchIn } from '../queries/batches.ts';
import * as store from '../store/index.ts';
import type { DispatchSettings, Enqueue } from '../task.ts';
import { wakeUps } from '../wake-ups.ts';
import { insertWaiting, unmetNow } from './import-dependencies.ts';
import { reportKey, uploadKey, uploadNotFound, writable } from './uploads.ts';

export type ImportRequest = Omit<ImportPayload, 'batch'> & {
  /** Ids of the batch and of the task that imports. A repeated request gives the ids of the first one. */
  ids: { batch: string; task: string };
  /** Null for the principal's personal organization. */
  organizationId: string | null;
  name: string;
};

/**
 * Creates a batch from an upload. The batch exists at once; the import task adds its tasks later.
 *
 * @returns the batch, without tasks yet
 * @throws Refusal `organization_not_found`, `role_insufficient`, `session_ended`, `upload_not_found`, `too_many_pending`
 */
export async function beginImport(
  deps: CreateDeps & { artifacts: Bucket },
  principal: Principal,
  { ids, organizationId, name, ...wanted }: ImportRequest,
): Promise<BatchNow> {
  const { db, artifacts, dispatch } = deps;
  const home = await asMemberOf(db, { ...principal, organizationId }, async (_tx, membership) =>
    writable(membership),
  );
  const uploaded = await artifacts.head(uploadKey(home, wanted.upload));
  if (!uploaded) throw uploadNotFound();
  const batch = { id: ids.batch, name, queue: wanted.queue };
  const idOf = importIds(ids.batch);
  const members = Object.entries({ batch: ids.batch, ...wanted });
  const payload = JsonText.object(members.map(([member, value]) => [member, JsonText.of(value)]));
  const task: store.NewTask = {
    ...PLAIN_TASK,
    id: ids.task,
    kind: batchImport.kind,
    queue: 'bulk',
    maxRetries: batchImport.retry.maxRetries,
    // Cut by code points, because names are measured in code points.
    name: [...`Import of ${name || 'a batch'}`].slice(0, 200).join(''),
    payload,
  };
  const begun = await asMember(db, principal, async (tx) => {
    const [written] = await store.insert(tx, { principal, organizationId: home, tasks: [task], dispatch });
    if (!written) return undefined;
    const made = await store.insertImport(tx, {
      batch,
      organizationId: home,
      userId: principal.userId,
      given: {
        importTask: ids.task,
        etag: uploaded.etag,
        first: idOf(0),
        last: idOf(LINES - 1),
      },
    });
    return { batch: { ...made, running: 0 }, written };
  }).catch(async (error: unknown) => {
    if (violated(error) === undefined) throw error;
    return { batch: await asMember(db, principal, (tx) => batchIn(tx, ids.batch)), written: undefined };
  });
  if (!begun) {
    const refusal = await whyRefused(db, principal, { organizationId: home, count: 1 });
    throw refusal ?? new Error('An import was neither written nor refused');
  }
  if (begun.written) await wake(deps, principal, [begun.written]);
  return begun.batch;
}

/** Seconds for which the address of a report is valid. */
const REPORT_SECONDS = 300;

/**
 * Returns an address of the report on an import's bad lines.
 *
 * @throws Refusal `batch_not_found`, `report_not_found`
 */
export async function reportAddress(
  { db, artifacts }: { db: Database; artifacts: Bucket },
  principal: Principal,
  batchId: string,
): Promise<string> {
  const { organizationId } = await asMember(db, principal, (tx) => batchIn(tx, batchId));
  const key = reportKey(organizationId, batchId);
  if ((await artifacts.head(key)) === undefined)
    throw new Refusal(
      'not_found',
      'report_not_found',
      'This batch has no invalid lines, or its report was deleted',
    );
  return artifacts.presignDownload(key, 'bad-lines.ndjson', REPORT_SECONDS);
}

export type ImportDeps = {
  db: Database;
  artifacts: Bucket;
  enqueue: Enqueue;
  dispatch: DispatchSettings;
  announceBatch: (batch: store.WatchedBatch) => void;
  read: ImportPorts['read'];
};

/** Returns the ports through which an import uses the engine in the worker. */
export function importPorts({
  db,
  artifacts,
  enqueue,
  dispatch,
  announceBatch,
  read,
}: ImportDeps): ImportPorts {
  const lost = () => new RetryError('import_lost', 'The import was cancelled, or another attempt has it');
  return {
    read,
    async begin(taskId, attempt, batchId) {
      const found = await store.findImport(db, { taskId, attempt, batchId });
      if (!found) return undefined;
      const { organizationId, createdBy, mayWrite, etag, sealed, lastTaskId, lastWritten, total } = found;
      if (sealed && lastTaskId !== importIds(batchId)(LINES - 1)) return { created: total };
      const job = { taskId, attempt, batchId, organizationId, createdBy, mayWrite, etag };
      const reopened = sealed ? await store.unseal(db, job) : undefined;
      if (reopened && reopened.watchers.length > 0) announceBatch(reopened);
      return { ...job, written: lastWritten === null ? 0 : lineOf(lastWritten) };
    },
    async open({ organizationId, etag }, uploadId, signal) {
      const opened = await artifacts.readStream(uploadKey(organizationId, uploadId), signal);
      if (opened && etag !== null && opened.etag !== etag) throw uploadReplaced();
      return opened;
    },
    takenUniqueKeys: ({ organizationId, batchId }, keys) =>
      store.uniqueKeysTakenByOthers(db, { organizationId, batchId, keys }),
    async unmet({ organizationId }, lines) {
      const errors = await unmetNow(
        db,
        organizationId,
        lines.map(({ request }) => request),
      );
      return byLine(lines, errors);
    },
    async insert(job, lines) {
      const idOf = importIds(job.batchId);
      const tasks = lines.map(({ line, request }) => ({ ...request, id: idOf(line) }));
      const { made, unmet } = await insertWaiting(db, job, { tasks, dispatch });
      if (!made) {
        const found = await store.findImport(db, job);
        throw found && !found.mayWrite ? importForbidden() : lost();
      }
      if (made.full) throw importHasNoRoom(made.full);
      if (made.batch.watchers.length > 0) announceBatch(made.batch);
      const { organizationId } = job;
      const { queue } = made.batch;
      const due = made.tasks.filter(
        (task) => task.status === 'SCHEDULED' && task.dueInSeconds <= dispatch.lookaheadSeconds,
      );
      const unsent =
        due.length > 0 ? await enqueue(wakeUps(due.map((task) => ({ ...task, organizationId, queue })))) : [];
      if (unsent.length > 0) await store.dispatchAgain(db, unsent);
      const left = [...without(lines, made.tasks)].map((line) => [line, [KEY_TAKEN]] as const);
      return new Map<number, readonly LineError[]>([...left, ...byLine(lines, unmet)]);
    },
    missing: async ({ batchId }, lines) => {
      const ids = lines.map(importIds(batchId));
      return without(
        lines.map((line) => ({ line })),
        await store.existingTasks(db, ids),
      );
    },
    async seal(job, lastLine) {
      const last = lastLine === undefined ? null : importIds(job.batchId)(lastLine);
      const batch = await store.seal(db, job, last);
      if (!batch) throw lost();
      // The batch may be finished already: all its tasks may have ended before.
      announceBatch(batch);
      return batch.total;
    },
    report: ({ organizationId, batchId }, ndjson) =>
      artifacts.put(reportKey(organizationId, batchId), ndjson, 'application/x-ndjson'),
    async discard({ organizationId }, uploadId) {
      await artifacts.remove(uploadKey(organizationId, uploadId));
      await store.forgetUploads(db, [uploadId]);
    },
  };
}

/** @param errors of lines, by their index in `lines` */
function byLine(
  lines: readonly { line: number }[],
  errors: ReadonlyMap<number, LineError[]>,
): Map<number, LineError[]> {
  return new Map([...errors].map(([place, each]) => [lines[place]?.line ?? 0, each]));
}

/** Returns the error of an import that has no room for more tasks now. The next attempt continues where this attempt stopped. */
function importHasNoRoom(full: store.FullBound): RetryError {
  const { code, message } = tooManyPending(full);
  return new RetryError(code, message, { afterSeconds: ROOM_SECONDS });
}

/** Returns the lines that have no task among `tasks`. */
function without(lines: readonly { line: number }[], tasks: readonly { id: string }[]): Set<number> {
  const left = new Set(lines.map(({ line }) => line));
  for (const { id } of tasks) left.delete(lineOf(id));
  return left;
}

/** Upper bound of the batches that one tick seals. */
const ABANDONED = 1_000;

/** Seals batches whose import has failed or was cancelled without sealing. They keep the tasks that were written. */
export async function endAbandonedImports({
  db,
  announceBatch,
}: Pick<ImportDeps, 'db' | 'announceBatch'>): Promise<void> {
  for (const batch of await store.sealAbandoned(db, ABANDONED)) announceBatch(batch);
}
