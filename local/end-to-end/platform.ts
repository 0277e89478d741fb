import type { Runtime, RuntimeOptions } from '../runtime.ts';

/** What the suite runs on. */
export interface Platform {
  /** Brings the system up, with these options besides its own. */
  start(options: Pick<RuntimeOptions, 'schedules' | 'env'>): Promise<Runtime>;
  /** SQS requests since the start, by action. */
  sqsRequestCounts(runtime: Runtime): Readonly<Record<string, number>>;
  /** After which an idle poller renews its request. */
  readonly longPollSeconds: number;
}
