import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { now } from '../measuring/clock.ts';

/** A message of a worker process: either it is ready, or a task with a `report` number has started. */
type Report = { ready: true } | { started: number; at: number };

/** Processes that run the tasks that this process adds. */
export interface Workers {
  /** Resolves with the start of the handler of that task, on the clock of `now()`. */
  started(task: number): Promise<number>;
}

/** BullMQ's documentation: "You can run several workers in a given machine if the machine has more than one core." */
const WORKERS = 2;

/**
 * Starts worker processes and waits until all are ready. They end when this process ends.
 *
 * @param file the program of a worker process, in this folder
 */
export async function startWorkers(file: string): Promise<Workers> {
  const starts = new Map<number, number>();
  const waiting = new Map<number, (at: number) => void>();
  const begin = async () => {
    const worker = fork(join(import.meta.dirname, file), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const ready = Promise.withResolvers<void>();
    worker.on('message', (report: Report) => {
      if ('ready' in report) return ready.resolve();
      const wake = waiting.get(report.started);
      waiting.delete(report.started);
      if (wake) wake(report.at);
      else starts.set(report.started, report.at);
    });
    await Promise.race([ready.promise, failedStart(worker)]);
  };
  await Promise.all(Array.from({ length: WORKERS }, begin));
  return {
    started: (task) => {
      const at = starts.get(task);
      return at === undefined ? new Promise((wake) => waiting.set(task, wake)) : Promise.resolve(at);
    },
  };
}

async function failedStart(worker: ChildProcess): Promise<never> {
  const [code] = await once(worker, 'exit');
  throw new Error(`A worker process ended (${code})`);
}

/** Tells the parent that this worker process is ready. */
export function reportReady(): void {
  send({ ready: true });
}

/** Tells the parent that the handler of a task has started, if the task's payload asks for it. */
export function reportStart({ report }: { report?: number }): void {
  if (report !== undefined) send({ started: report, at: now() });
}

function send(report: Report): void {
  process.send?.(report);
}

export function endWithParent(): void {
  process.on('disconnect', () => process.exit(0));
}
