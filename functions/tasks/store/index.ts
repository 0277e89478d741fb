/*
 * What the statements of this folder share. Every change of a task's status stands in here, each in one guarded statement: it
 * names the statuses that it leaves, uses the database's clock, counts `seq` up, and returns the rows that it really changed
 * with those who watch them.
 *
 * What is compared with an index says `(select clock_timestamp())`: read once, it is searched for; the bare function may be
 * another one at each row, and the whole index would be read.
 *
 * Who locks several rows does so in one order, so that nobody waits in a circle: lanes, tasks by id, batches by id.
 */

export type { NewBatch, NewTask } from '../new-task.ts';
export { type Attempt, attempts } from './attempts/attempts.ts';
export { claim, type Unclaimed } from './attempts/claim.ts';
export { renew } from './attempts/lease.ts';
export { type Report, report } from './attempts/progress.ts';
export { settle } from './attempts/settle.ts';
export { type BatchNow, findBatch, listBatches, present, takenKeys } from './batches.ts';
export {
  type ChangedStretch,
  cancel,
  cancelMany,
  countStretch,
  requeue,
  requeueMany,
  reschedule,
  rescheduleMany,
} from './change.ts';
export { insert, insertBatch, insertDependencies, type Wakeable } from './create.ts';
export { awaitTasks, failedDependency, release, statusesOf } from './dependencies.ts';
export { dispatchAgain, rescue, takeForDispatch } from './dispatch.ts';
export { type BulkMove, type Reached, type Selection, STRETCH } from './fragments/bulk-selection.ts';
export type { LargeColumns, Timed } from './fragments/columns.ts';
export type { Capped } from './fragments/lanes.ts';
export { networkLane } from './fragments/network-places.ts';
export type { Whose } from './fragments/newest.ts';
export type { FullBound } from './fragments/pending-counters.ts';
export type { Room } from './fragments/worker-capacity.ts';
export {
  findImport,
  type ImportAttempt,
  insertImport,
  insertImported,
  seal,
  sealAbandoned,
  takenByOthers,
  unseal,
  type WatchedBatch,
} from './imports/imports.ts';
export {
  addUpload,
  forgetUploads,
  MAX_STORED_BYTES,
  MAX_UPLOADS,
  markStored,
  type OverdueUpload,
  overdueUploads,
  type UploadRefusal,
} from './imports/uploads.ts';
export { heldLanes, heldLanesOf, type Lane, lanesOf, RELEASE, type Released } from './lanes/lanes.ts';
export { releaseHeld } from './lanes/release-held.ts';
export { surroundings } from './lanes/waiting-context.ts';
export {
  type OutboundTurn,
  removeOutboundTurns,
  resumeHost,
  stopHost,
  stoppedHosts,
  takeOutboundTurn,
} from './outbound.ts';
export { addPause, findPause, listPauses, type Pause, type PauseKey, removePause } from './pauses.ts';
export { addPendingTogether, countPending, fullBound, fullBoundOf } from './pending.ts';
export {
  exists,
  find,
  findAll,
  holdersOf,
  list,
  organizationsWithTasks,
  type TaskFilter,
  viewedOrganizations,
} from './read.ts';
export {
  type Old,
  oldTasks,
  overdueSeconds,
  removeBatches,
  removeTasks,
  returnTurns,
  type Turn,
  takeTurns,
} from './retention.ts';
