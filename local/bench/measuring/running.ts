/** What the bench has started and must not leave behind. */
const running = new Set<() => Promise<void>>();

/**
 * Notes something that runs.
 *
 * @param stop ends it
 * @returns the same, which also forgets it
 */
export function noted(stop: () => Promise<void>): () => Promise<void> {
  const once = async () => {
    if (running.delete(once)) await stop();
  };
  running.add(once);
  return once;
}

/** Ends whatever runs, last first: after a part that was given up, and before the bench ends. */
export async function stopEverything(): Promise<void> {
  for (const stop of [...running].toReversed()) await stop().catch(() => {});
}
