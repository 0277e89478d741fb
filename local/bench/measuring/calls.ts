/*
 * The protocol between the bench and the measured processes: one line of JSON for each call on standard input, one line
 * for each answer on standard output. All other output goes to a log.
 */

/** One call: `{"id": 1, "call": "bulk", "given": 10000}`. */
export interface Call {
  readonly id: number;
  readonly call: string;
  readonly given: unknown;
}

/** Start of an answer's line. Output of a library does not begin like this. */
export const ANSWER = '{"answer":';

export interface Answer {
  readonly answer: number;
  readonly result?: unknown;
  readonly error?: string;
}
