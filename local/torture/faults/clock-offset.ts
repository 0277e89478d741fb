const TEN_MINUTES = 10 * 60_000;

/**
 * Returns the error of a worker's clock in milliseconds. A third of the clocks is right, a third ahead, a third behind.
 */
export function clockOffset(pid: number): number {
  return [0, TEN_MINUTES, -TEN_MINUTES][pid % 3] ?? 0;
}
