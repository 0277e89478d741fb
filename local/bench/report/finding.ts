/** One line of the budget table. */
export interface Finding {
  readonly what: string;
  readonly budget: string;
  readonly measured: string;
  /** Whether the budget is kept; undefined where there is none. */
  readonly kept?: boolean;
  /** How the figure came about: samples, and what it does not say. */
  readonly remark: string;
}

/** What the budget table is made of. Each part starts what it needs, and ends it. */
export interface Part {
  readonly name: string;
  /** Given up after so many seconds. */
  readonly seconds: number;
  run(scale: Scale, directory: string): Promise<Finding[]>;
}

/** How much is measured. */
export interface Scale {
  readonly rounds: number;
  /** Tasks of a bulk load, the same for every system. */
  readonly tasks: number;
  readonly clients: number;
  /** Of a closed or open loop. */
  readonly loopSeconds: number;
  /** Tasks of a bulk load before the one that is measured: a runtime compiles what it finds to be used. */
  readonly warmTasks: number;
  /** Of a closed loop before anything single is measured. */
  readonly warmSeconds: number;
  /** Tasks whose start is timed one by one. */
  readonly samples: number;
  /** Tasks that a noisy tenant has queued. */
  readonly backlog: number;
  /** Tasks stored for the future while a tick is timed. */
  readonly future: { readonly few: number; readonly many: number };
}

export const FULL: Scale = {
  rounds: 3,
  tasks: 20_000,
  clients: 32,
  loopSeconds: 5,
  warmTasks: 10_000,
  warmSeconds: 10,
  samples: 200,
  backlog: 100_000,
  future: { few: 10_000, many: 10_000_000 },
};

export const QUICK: Scale = {
  rounds: 1,
  tasks: 1_000,
  clients: 8,
  loopSeconds: 1,
  warmTasks: 500,
  warmSeconds: 1,
  samples: 30,
  backlog: 5_000,
  future: { few: 10_000, many: 100_000 },
};
