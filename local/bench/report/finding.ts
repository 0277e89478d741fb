/** One line of the budget table. */
export interface Finding {
  readonly what: string;
  readonly budget: string;
  readonly measured: string;
  /** True when the budget is kept; undefined where there is no budget. */
  readonly kept?: boolean;
  /** How the figure was measured: samples, and its limits. */
  readonly remark: string;
}

/** A part of the budget table. Each part starts what it needs and stops it. */
export interface Part {
  readonly name: string;
  /** Seconds after which the part is given up. */
  readonly seconds: number;
  run(scale: Scale, directory: string): Promise<Finding[]>;
}

/** Sizes of a run. */
export interface Scale {
  readonly rounds: number;
  /** Tasks of a bulk load, equal for every system. */
  readonly tasks: number;
  readonly clients: number;
  /** Seconds of a closed or open loop. */
  readonly loopSeconds: number;
  /** Tasks of the warm-up bulk load: the runtime compiles hot code during it. */
  readonly warmTasks: number;
  /** Seconds of the warm-up closed loop before single tasks are measured. */
  readonly warmSeconds: number;
  /** Number of tasks whose start is timed one by one. */
  readonly samples: number;
  /** Number of tasks that a noisy tenant has queued. */
  readonly backlog: number;
  /** Number of future tasks that are stored while a tick is timed. */
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
