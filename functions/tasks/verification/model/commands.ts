import { bind, dispatchAgain, release, releaseHeld, rescue, skip, take } from './dispatcher-steps.ts';
import {
  cancel,
  changeMany,
  create,
  createBatch,
  createDependent,
  requeue,
  reschedule,
  trespass,
} from './request-steps.ts';
import { claim, renew, report, settle } from './worker-steps.ts';

/** All steps that may be taken with tasks, in any order. */
export const STEPS = [
  ...[
    create,
    create,
    create,
    createBatch,
    createDependent,
    createDependent,
    release,
    cancel,
    cancel,
    requeue,
    requeue,
    reschedule,
    changeMany,
    trespass,
  ],
  ...[claim, claim, claim, claim, claim, claim, settle, settle, settle, settle, renew, report],
  ...[rescue, rescue, take, dispatchAgain, releaseHeld, bind, skip, skip],
];
