import { spawn } from 'node:child_process';

export interface OrphanGuard {
  /** Sets the processes to kill when this process is gone. Replaces the earlier list. */
  watch(pids: readonly number[]): void;
  /** Ends the guard without killing a process. */
  release(): void;
}

/**
 * A shell script that reads lists of processes from a pipe and kills the last list when the pipe closes. It works after
 * a `kill -9` of this process, and for children that are too busy to notice.
 */
const SCRIPT = 'while read -r list; do last=$list; done; [ -z "$last" ] || kill -9 $last 2>/dev/null; exit 0';

/** Starts a guard in its own session, which Ctrl-C does not reach. */
export function startOrphanGuard(): OrphanGuard {
  const shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  return {
    watch: (pids) => void shell.stdin.write(`${pids.join(' ')}\n`),
    release: () => void shell.stdin.end('\n'),
  };
}
