import * as z from 'zod';
import { ALARMED, type Figure, type Meter, meter, NO_METER } from '../../metrics.ts';

/** Which figures are published: CloudWatch makes metrics of the log. */
export const meterEnv = { METRICS: z.enum(['all', 'alarmed', 'none']) };

/** Past the console, which Lambda's runtime would wrap each line of. */
export function meterOf({ METRICS, STAGE }: { METRICS: 'all' | 'alarmed' | 'none'; STAGE: string }): Meter {
  if (METRICS === 'none') return NO_METER;
  const published = (figure: Figure) => METRICS === 'all' || ALARMED.includes(figure);
  return meter((line) => process.stdout.write(line), STAGE, { published });
}
