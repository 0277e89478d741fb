import type { Random } from './random.ts';

/** Probability of each fault, for each occasion. */
export type Faults = {
  /** A function dies before its request has reached the database or the queue. */
  crashBefore: number;
  /** A function dies after its request was carried out, and never gets the answer. */
  crashAfter: number;
  /** The connection fails before a statement has reached the database. */
  refused: number;
  /** A statement is committed, and its answer is lost. */
  answerLost: number;
  /** Another session has a row locked when a statement that skips locked rows arrives. */
  locked: number;
  /** A message is accepted and never delivered. */
  dropped: number;
  doubled: number;
  /** A message arrives minutes late. */
  late: number;
  /** The queue refuses a message, or reports a refusal although it has the message. */
  unsent: number;
  /** Other workers' sandboxes freeze for minutes, and continue. */
  frozen: number;
  /** A tick of the dispatcher is missed. */
  missedTick: number;
  /** A message is delivered again while another sandbox still works on it. */
  seenTwice: number;
  /** A request takes seconds instead of milliseconds. */
  slow: number;
};

export const CALM: Faults = {
  crashBefore: 0,
  crashAfter: 0,
  refused: 0,
  answerLost: 0,
  locked: 0,
  dropped: 0,
  doubled: 0,
  late: 0,
  unsent: 0,
  frozen: 0,
  missedTick: 0,
  seenTwice: 0,
  slow: 0,
};

/** Chooses faults: some never happen, some rarely and some very often. A bug that one fault hides shows up without that fault. */
export function someFaults(random: Random): Faults {
  const often = () => random.pick([0, 0, 0.02, 0.1, 0.3, 0.5]);
  return Object.fromEntries(Object.keys(CALM).map((fault) => [fault, often()])) as Faults;
}
