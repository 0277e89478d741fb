export { type Attempt, attempts } from './attempts.ts';
export { type BatchNow, findBatch, listBatches, present, stillAt, takenKeys } from './batches.ts';
export {
  type ChangedStretch,
  cancel,
  cancelMany,
  requeue,
  requeueMany,
  reschedule,
  rescheduleMany,
} from './change.ts';
export type { LargeColumns, Timed } from './columns.ts';
export {
  insert,
  insertBatch,
  insertDependencies,
  type NewBatch,
  type NewTask,
  type Wakeable,
} from './create.ts';
export { awaitTasks, failedDependency, release, statusesOf } from './dependencies.ts';
export { dispatchAgain, rescue, takeForDispatch } from './dispatch.ts';
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
} from './imports.ts';
export {
  type Capped,
  heldLanes,
  heldLanesOf,
  type Lane,
  lanesOf,
  RELEASE,
  type Released,
} from './lanes.ts';
export { networkLane } from './network-places.ts';
export { organizationsWithTasks, type Whose } from './newest.ts';
export {
  type OutboundTurn,
  removeOutboundTurns,
  resumeHost,
  stopHost,
  stoppedHosts,
  takeOutboundTurn,
} from './outbound.ts';
export { addPause, findPause, listPauses, type Pause, type PauseKey, removePause } from './pauses.ts';
export { addPendingTogether, countPending, type FullBound, fullBound, fullBoundOf } from './pending.ts';
export {
  exists,
  find,
  findAll,
  holdersOf,
  list,
  type TaskFilter,
  viewedOrganizations,
} from './read.ts';
export { releaseHeld } from './release-held.ts';
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
export type { Room } from './room.ts';
export { claim, type Report, renew, report, settle, type Unclaimed } from './run.ts';
export { type BulkMove, countStretch, type Reached, type Selection, STRETCH } from './stretch.ts';
export { surroundings } from './surroundings.ts';
export {
  addUpload,
  forgetUploads,
  MAX_STORED_BYTES,
  MAX_UPLOADS,
  markStored,
  type OverdueUpload,
  overdueUploads,
  type UploadRefusal,
} from './uploads.ts';
