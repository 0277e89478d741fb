/*
 * How the bench speaks with the processes that it measures: a line of JSON for each call on their standard input, a
 * line for each answer on their standard output. Anything else that they print is kept in a log.
 */

/** One call: `{"id": 1, "call": "bulk", "given": 10000}`. */
export interface Call {
  readonly id: number;
  readonly call: string;
  readonly given: unknown;
}

/** What a line of an answer begins with, so that what a library prints is not taken for one. */
export const ANSWER = '{"answer":';

export interface Answer {
  readonly answer: number;
  readonly result?: unknown;
  readonly error?: string;
}
