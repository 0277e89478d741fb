/** Returns milliseconds since 1970, with fractions. Comparable between the processes of one machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
