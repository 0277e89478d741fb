import * as z from 'zod';
import { type Meter, meter, NO_METER } from '../figures.ts';

/** Whether anybody makes metrics of the log: CloudWatch does. */
export const meterEnv = { METRICS: z.enum(['emf', 'off']) };

/** Past the console, which Lambda's runtime would wrap each line of. */
export function meterOf(env: { METRICS: 'emf' | 'off'; STAGE: string }): Meter {
  return env.METRICS === 'emf' ? meter((line) => process.stdout.write(line), env.STAGE) : NO_METER;
}
