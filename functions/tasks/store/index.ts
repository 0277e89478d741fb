/*
 * Rules for the statements of this folder. Every change of a task's status is in here, each in one guarded statement. The
 * statement names the statuses that it leaves, uses the database's clock, increments `seq`, and returns the rows that it really
 * changed, with their watchers.
 *
 * A time that is compared with an index is written `(select clock_timestamp())`. Postgres evaluates the sub-query once, and
 * searches the index for its value. The bare function may differ at each row, so Postgres would read the whole index.
 *
 * A statement that locks several rows uses one order, so that no two statements deadlock: lanes, tasks by id, batches by id.
 */

export type { NewBatch, NewTask } from '../new-task.ts';
export {
  type Artifact,
  type ArtifactFilter,
  type ArtifactsFull,
  addArtifact,
  deleteArtifact,
  findArtifact,
  findDeletable,
  findUploaded,
  listArtifacts,
  makeReady,
  missingArtifacts,
} from './artifacts/artifacts.ts';
export {
  type ArtifactOwner,
  discardArtifacts,
  finishArtifact,
  growArtifact,
  keepArtifacts,
  readableArtifact,
} from './artifacts/attempt-artifacts.ts';
export {
  forgetArtifacts,
  markOverdueArtifacts,
  type RemovableArtifact,
  removableArtifacts,
} from './artifacts/removed-artifacts.ts';
export { type Attempt, attempts } from './attempts/attempts.ts';
export { type ClaimRequest, claim, UNLIMITED_CAPACITY, type Unclaimed } from './attempts/claim.ts';
export { renew } from './attempts/lease.ts';
export { type Report, report } from './attempts/progress.ts';
export { settle } from './attempts/settle.ts';
export { type BatchNow, existingTasks, findBatch, listBatches, takenUniqueKeys } from './batches.ts';
export {
  type ChangedBulkStep,
  cancel,
  cancelMany,
  countBulkStep,
  requeue,
  requeueMany,
  reschedule,
  rescheduleMany,
} from './change.ts';
export { insert, insertBatch, insertDependencies, type Wakeable } from './create.ts';
export {
  awaitTasks,
  type FoundInput,
  failedDependency,
  findInput,
  release,
  statusesOf,
} from './dependencies.ts';
export { dispatchAgain, rescue, takeForDispatch } from './dispatch.ts';
export { BULK_STEP, type BulkMove, type BulkStep, type Selection } from './fragments/bulk-selection.ts';
export type { LargeColumns, Timed } from './fragments/columns.ts';
export type { Capped } from './fragments/lanes.ts';
export { networkLane } from './fragments/network-places.ts';
export type { ListOwner } from './fragments/newest.ts';
export type { FullBound } from './fragments/pending-counters.ts';
export type { WorkerCapacity } from './fragments/worker-capacity.ts';
export { type GraphTask, graphTasks } from './graph.ts';
export {
  findImport,
  type ImportAttempt,
  insertImport,
  insertImported,
  seal,
  sealAbandoned,
  uniqueKeysTakenByOthers,
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
export { heldLanes, heldLanesOf, type Lane, lanesOf, MAX_RELEASED, type Released } from './lanes/lanes.ts';
export { releaseHeld } from './lanes/release-held.ts';
export { waitingContext } from './lanes/waiting-context.ts';
export {
  type OutboundTurn,
  removeOutboundTurns,
  resumeHost,
  stopHost,
  stoppedHosts,
  takeOutboundTurn,
} from './outbound.ts';
export { addPause, findPause, listPauses, type Pause, type PauseKey, removePause } from './pauses.ts';
export { compactPendingCounters, countPending, fullBound, fullBoundOf } from './pending.ts';
export {
  exists,
  find,
  findAll,
  list,
  organizationsWithTasks,
  type TaskFilter,
  uniqueKeyHolders,
  viewedOrganizations,
} from './read.ts';
export {
  type ExpiredRow,
  expiredTasks,
  overdueSeconds,
  type RetentionTurn,
  removeBatches,
  removeTasks,
  returnTurns,
  takeTurns,
} from './retention.ts';
