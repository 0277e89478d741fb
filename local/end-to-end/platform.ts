import type { Runtime, RuntimeOptions } from '../runtime.ts';

/** The platform on which the suite runs. */
export interface Platform {
  /** Starts the system with these options and the platform's own. */
  start(options: Pick<RuntimeOptions, 'schedules' | 'env'>): Promise<Runtime>;
  /** Returns the SQS requests since the start, by action. */
  sqsRequestCounts(runtime: Runtime): Readonly<Record<string, number>>;
  /** Seconds after which an idle poller renews its request. */
  readonly longPollSeconds: number;
}
