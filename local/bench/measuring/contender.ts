/** What is asked of every system that is measured. Times are milliseconds unless the name says otherwise. */
export interface System {
  /** Creates that many no-op tasks as fast as it can, and waits until the last one is recorded as done. */
  bulk(tasks: number): Promise<{ enqueueSeconds: number; seconds: number }>;
  /** Creates single tasks; each client sends the next one when the last one was answered. */
  single(load: { clients: number; seconds: number }): Promise<{ perSecond: number; milliseconds: number[] }>;
  /** Creates one task after the other, each on an idle system: from the call until its handler starts. */
  latency(samples: number): Promise<number[]>;
  /** Schedules tasks over a span that begins so far ahead: how long after its time each handler starts. */
  lateness(plan: LatenessPlan): Promise<number[]>;
  stop(): Promise<void>;
}

export interface LatenessPlan {
  readonly samples: number;
  readonly fromSeconds: number;
  readonly overSeconds: number;
}

/** What a system is asked to do; the raw database knows no single tasks and no times. */
export type Measure = Exclude<keyof System, 'stop'>;

export interface Contender {
  readonly name: string;
  readonly measures: readonly Measure[];
  /** Installs what it needs. @throws when that cannot be */
  prepare?(): Promise<void>;
  /** Starts it from nothing, in a directory of its own. */
  start(directory: string): Promise<Pick<System, 'stop'> & Partial<System>>;
}

/** The payload of every task in every system: small, and the same. */
export const PAYLOAD = { note: 'no operation' } as const;

/** Tasks handed over in one call, where a system takes many at once. */
export const TASKS_PER_CALL = 10_000;
