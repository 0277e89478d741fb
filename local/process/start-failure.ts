/**
 * Something on this machine keeps Celeriac from starting, and the person who started it can put it right.
 * The message is one line that says what and how; `local/start.ts` prints it without a stack.
 */
export class StartFailure extends Error {
  override name = 'StartFailure';
}
