/** Stop functions of everything that the bench has started. */
const running = new Set<() => Promise<void>>();

/**
 * Registers the stop function of something that is about to run. `stopEverything` calls it after every part and every
 * round.
 *
 * @returns a function that stops the thing earlier, at most once
 */
export function noted(stop: () => Promise<void>): () => Promise<void> {
  const once = async () => {
    if (running.delete(once)) await stop();
  };
  running.add(once);
  return once;
}

/** Stops everything that runs, last first. */
export async function stopEverything(): Promise<void> {
  for (const stop of [...running].toReversed()) await stop().catch(() => {});
}
