/**
 * Sends a signal to a process, or to a process group by its negative id.
 *
 * @returns false when every such process has ended
 */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
