/**
 * Repeats a step of bounded size until it finds less than a full step's worth, or there is no time for another. The first step is
 * always done.
 *
 * @param step returns how many rows it has dealt with
 * @param full how many rows a step deals with at most
 * @returns how many rows were dealt with in all
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
