import { setTimeout as sleep } from 'node:timers/promises';
import { answerCalls } from '../measuring/answer-calls.ts';
import { now } from '../measuring/clock.ts';
import { PAYLOAD, type System, TASKS_PER_CALL } from '../measuring/contender.ts';
import { closedLoop, slices } from '../measuring/load.ts';
import { pollUntil } from '../measuring/poll.ts';
import { startWorkers } from './workers.ts';

/** Payload of a task. With `report`, the handler reports its start under that number. */
export type Payload = typeof PAYLOAD & { readonly report?: number };

/** Calls into a library. The measuring around them is the same for all libraries. */
export interface Producer {
  /** Adds tasks in one call. */
  addMany(payloads: readonly Payload[]): Promise<unknown>;
  /** Adds a task that is due now, or at a time in milliseconds since 1970. */
  addOne(payload: Payload, dueAt?: number): Promise<unknown>;
  /** Returns true when all added tasks are recorded as done. */
  isDrained(added: number): Promise<boolean>;
  stop(): Promise<unknown>;
}

/** Options for a driver's wait until all tasks are done. The caller of the driver gives up earlier. */
const DRAIN = { everyMilliseconds: 10, seconds: 600 } as const;

/**
 * Measures a library: this process adds tasks, worker processes run them. Answers the bench's calls until it ends.
 *
 * @param workerFile the program of the worker processes, in this folder
 */
export async function measureLibrary(workerFile: string, producer: Producer): Promise<void> {
  const workers = await startWorkers(workerFile);
  let added = 0;
  let numbered = 0;

  const addOne = (payload: Payload, dueAt?: number) => {
    added += 1;
    return producer.addOne(payload, dueAt);
  };
  const drained = () => pollUntil(() => producer.isDrained(added), DRAIN);

  const measures: System = {
    async bulk(tasks) {
      const startedAt = now();
      for (const size of slices(tasks, TASKS_PER_CALL)) {
        added += size;
        await producer.addMany(Array.from({ length: size }, () => PAYLOAD));
      }
      const enqueuedAt = now();
      await drained();
      return { enqueueSeconds: (enqueuedAt - startedAt) / 1000, seconds: (now() - startedAt) / 1000 };
    },
    async single(load) {
      const result = await closedLoop(load, () => addOne(PAYLOAD));
      await drained();
      return result;
    },
    async latency(samples) {
      const milliseconds: number[] = [];
      for (let i = 0; i < samples; i += 1) {
        numbered += 1;
        const started = workers.started(numbered);
        const sentAt = now();
        await addOne({ ...PAYLOAD, report: numbered });
        milliseconds.push((await started) - sentAt);
        // The end of the task is recorded before the next one is added: the system is idle again.
        await sleep(10);
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
        await addOne({ ...PAYLOAD, report: numbered }, dueAt);
      }
      const milliseconds = await Promise.all(late);
      await drained();
      return milliseconds;
    },
  };
  await answerCalls({ start: async () => {}, ...measures, stop: producer.stop });
}
