/** Stop functions of everything that the bench has started. */
const running = new Set<() => Promise<void>>();

/**
 * Registers a running thing.
 *
 * @param stop ends it
 * @returns a function that stops it at most once and removes it from the register
 */
export function noted(stop: () => Promise<void>): () => Promise<void> {
  const once = async () => {
    if (running.delete(once)) await stop();
  };
  running.add(once);
  return once;
}

/** Stops everything that runs, last first. Called after a part that was given up, and before the bench ends. */
export async function stopEverything(): Promise<void> {
  for (const stop of [...running].toReversed()) await stop().catch(() => {});
}
