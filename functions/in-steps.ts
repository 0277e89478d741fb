/**
 * Repeats a step of bounded size until a step handles fewer rows than a full step, or until the time is over. The first
 * step always runs.
 *
 * @param step returns the number of rows that it has handled
 * @param full maximum rows of one step
 * @returns the number of all rows that were handled
 */
export async function inSteps(
  step: () => Promise<number>,
  full: number,
  timeLeft: () => boolean,
): Promise<number> {
  for (let done = 0; ; ) {
    const count = await step();
    done += count;
    if (count < full || !timeLeft()) return done;
  }
}
