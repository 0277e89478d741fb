import { spawn } from 'node:child_process';

export interface OrphanGuard {
  /** The processes to end when this one is gone, in place of those named before. */
  watch(pids: readonly number[]): void;
  /** Ends the guard without ending anybody else. */
  release(): void;
}

/**
 * A shell that reads lists of processes from a pipe and kills the last list when the pipe closes: also after a
 * `kill -9` of this process, and also children too busy to notice.
 */
const SCRIPT = 'while read -r list; do last=$list; done; [ -z "$last" ] || kill -9 $last 2>/dev/null; exit 0';

/** Starts a guard in a session of its own, which a Ctrl-C does not reach. */
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
