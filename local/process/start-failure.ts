/**
 * Something on this machine prevents the start, and the user can correct it. The message is one line with the problem
 * and its solution. `local/start.ts` prints it without a stack.
 */
export class StartFailure extends Error {
  override name = 'StartFailure';
}
