import { readFileSync } from 'node:fs';

/** Returns the resident memory of a process in MiB, from Linux's /proc; 0 where it is unknown. */
export function memoryOf(pid: number | undefined): number {
  try {
    const [, kibibytes = 0] = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kibibytes) / 1024;
  } catch {
    return 0;
  }
}

/** Memory for the worker itself. */
const WORKER_MIB = 448;

/** Memory of a runner: its heap, and its whole process. */
const HEAP_MIB = 512;
const RUNNER_MIB = 640;

/** Returns the number of runners beside the worker: one for each core, as far as the memory suffices; at least one. */
export function runnersFor(memoryMiB: number, cores: number) {
  const fitting = Math.floor((memoryMiB - WORKER_MIB) / RUNNER_MIB);
  return { size: Math.max(1, Math.min(cores, fitting)), heapMiB: HEAP_MIB, memoryMiB: RUNNER_MIB };
}
