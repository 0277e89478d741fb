export { cancel, requeue, reschedule } from './change.ts';
export type { Timed } from './columns.ts';
export { insert, insertBatch, type NewBatch, type NewTask, type Wakeable } from './create.ts';
export { dispatchAgain, rescue, takeForDispatch } from './dispatch.ts';
export { type Capped, heldLanes, type Lane, RELEASE, type Released, releaseHeld } from './lanes.ts';
export { find, list, type TaskFilter } from './read.ts';
export type { Room } from './room.ts';
export { claim, type Report, renew, report, settle, type Unclaimed } from './run.ts';
