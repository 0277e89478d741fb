import { openLoop, rounds } from '../../measuring/load.ts';
import { distribution, medianDistribution } from '../../measuring/statistics.ts';
import { milliseconds } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';
import { NOOP } from '../measure.ts';
import { warmSession } from '../warm-session.ts';

const PER_SECOND = 200;
const BUDGET_P99 = 25;

/** Measures `POST /api/tasks/` at a steady rate, like many clients that do not wait for each other. */
export const openLoopPart: Part = {
  name: 'open-loop',
  seconds: 180,
  async run(scale, directory) {
    const session = await warmSession(directory, scale);
    const load = { perSecond: PER_SECOND, seconds: scale.loopSeconds };
    const measured = medianDistribution(
      await rounds(scale.rounds, async () => {
        const times = await openLoop(load, () => session.client.create(NOOP));
        await session.idle();
        return distribution(times);
      }),
    );
    return [
      {
        what: `single POST at ${PER_SECOND}/s`,
        budget: `p99 under ${BUDGET_P99} ms`,
        measured: `p50 ${milliseconds(measured.p50)}, p99 ${milliseconds(measured.p99)}`,
        kept: measured.p99 < BUDGET_P99,
        remark: `${measured.samples} requests, from when each was to be sent; the tasks run meanwhile`,
      },
    ];
  },
};
