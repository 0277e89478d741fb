import { now } from '../measuring/clock.ts';
import type { System } from '../measuring/contender.ts';
import { closedLoop } from '../measuring/load.ts';
import type { Workers } from './workers.ts';

/** Calls into a library. The measuring around them is the same for all libraries. */
export interface Producer {
  /** Adds no-op tasks, as many per call as the library takes. */
  addMany(tasks: number): Promise<void>;
  /** Adds one task. With `report`, its handler reports its start under that number. */
  addOne(report?: number, dueAt?: number): Promise<void>;
  /** Resolves when all added tasks are recorded as done. */
  drained(): Promise<void>;
}

/** Options for a driver's wait until all tasks are done. The caller of the driver gives up earlier. */
export const DRAIN = { everyMilliseconds: 10, seconds: 600 } as const;

/** Measures a library: this process adds tasks, `workers` run them. */
export function libraryCalls({ addMany, addOne, drained }: Producer, workers: Workers): Omit<System, 'stop'> {
  let numbered = 0;
  return {
    async bulk(tasks) {
      const startedAt = now();
      await addMany(tasks);
      const enqueuedAt = now();
      await drained();
      return { enqueueSeconds: (enqueuedAt - startedAt) / 1000, seconds: (now() - startedAt) / 1000 };
    },
    async single(load) {
      const result = await closedLoop(load, () => addOne());
      await drained();
      return result;
    },
    async latency(samples) {
      const milliseconds: number[] = [];
      for (let i = 0; i < samples; i += 1) {
        numbered += 1;
        const started = workers.started(numbered);
        const sentAt = now();
        await addOne(numbered);
        milliseconds.push((await started) - sentAt);
        // The end of the task is recorded before the next one is added: the system is idle again.
        await new Promise((wake) => setTimeout(wake, 10));
      }
      await drained();
      return milliseconds;
    },
    async lateness({ samples, fromSeconds, overSeconds }) {
      const beginning = now() + fromSeconds * 1000;
      const late: Promise<number>[] = [];
      for (let i = 0; i < samples; i += 1) {
        numbered += 1;
        const dueAt = Math.round(beginning + (i / samples) * overSeconds * 1000);
        late.push(workers.started(numbered).then((at) => at - dueAt));
        await addOne(numbered, dueAt);
      }
      const milliseconds = await Promise.all(late);
      await drained();
      return milliseconds;
    },
  };
}
