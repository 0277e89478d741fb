import type { Random } from './random.ts';

/** How often what goes wrong, as probabilities for each occasion. */
export type Faults = {
  /** A function dies before its request has reached the database or the queue. */
  crashBefore: number;
  /** A function dies after what it asked for was done, and never hears of it. */
  crashAfter: number;
  /** The connection fails before a statement has reached the database. */
  refused: number;
  /** A statement is committed, and its answer lost. */
  answerLost: number;
  /** A row is locked by somebody else just when a statement comes along that skips it. */
  locked: number;
  /** A message is accepted and never seen again. */
  dropped: number;
  doubled: number;
  /** A message arrives minutes late. */
  late: number;
  /** The queue refuses a message, or says so although it has it. */
  unsent: number;
  /** Other workers' sandboxes stand still for minutes, and go on. */
  frozen: number;
  /** A tick of the dispatcher does not come. */
  missedTick: number;
  /** A message comes again although somebody still works on it. */
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

/** Some go wrong never, some rarely and some all the time: what hides behind one kind of fault shows without it. */
export function someFaults(random: Random): Faults {
  const often = () => random.pick([0, 0, 0.02, 0.1, 0.3, 0.5]);
  return Object.fromEntries(Object.keys(CALM).map((fault) => [fault, often()])) as Faults;
}
