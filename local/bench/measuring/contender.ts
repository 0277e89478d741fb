/** The measures of a system. Times are milliseconds unless the name says otherwise. */
export interface System {
  /** Creates that many no-op tasks as fast as possible, and waits until the last one is recorded as done. */
  bulk(tasks: number): Promise<{ enqueueSeconds: number; seconds: number }>;
  /** Creates single tasks. Each client sends its next task after the answer to the previous one. */
  single(load: { clients: number; seconds: number }): Promise<{ perSecond: number; milliseconds: number[] }>;
  /**
   * Creates tasks one after the other, each on an idle system. @returns the time from each call to the handler's start
   */
  latency(samples: number): Promise<number[]>;
  /** Schedules tasks over a time span. @returns how long after its due time each handler started */
  lateness(plan: LatenessPlan): Promise<number[]>;
}

export interface LatenessPlan {
  readonly samples: number;
  readonly fromSeconds: number;
  readonly overSeconds: number;
}

export type Measure = keyof System;

export interface Contender {
  readonly name: string;
  /** The measures that the system supports: only `bulk` for the raw database. */
  readonly measures: readonly Measure[];
  /** Installs what the system needs. @throws when that is not possible */
  prepare?(): Promise<void>;
  /** Starts the system with no data, in its own directory. What it starts is registered as `noted`. */
  start(directory: string): Promise<System>;
}

/** The payload of every task in every system. */
export const PAYLOAD = { note: 'no operation' } as const;

/** Tasks handed over in one call, where a system takes many at once. */
export const TASKS_PER_CALL = 10_000;
