import { slices } from '../../measuring/load.ts';
import { median } from '../../measuring/statistics.ts';
import { figure, milliseconds, ratio } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';
import { openSession, type Session } from '../session.ts';
import { prepareForMany, settle, storeFuture } from '../store.ts';

/** Largest relative difference between a tick with many and a tick with few future tasks. */
const BUDGET_SHARE = 0.2;

const TICKS = 101;
const WARM_TICKS = 20;

/** Rows per transaction. */
const ROWS_AT_ONCE = 500_000;

/** Measures the dispatcher's tick with few and with many tasks stored for later. */
export const tickPart: Part = {
  name: 'tick',
  seconds: 480,
  async run({ future: { few, many } }, directory) {
    const session = await openSession(directory, { schedules: false });
    await prepareForMany(session.rows);
    const withFew = await tickWith(session, few);
    const withMany = await tickWith(session, many - few);
    const [small, large] = [median(withFew), median(withMany)];
    return [
      {
        what: `dispatcher tick, ${figure(many)} future tasks`,
        budget: `as with ${figure(few)}, ± ${BUDGET_SHARE * 100} %`,
        measured: `${milliseconds(large)}, ${ratio(large, small)}`,
        kept: Math.abs(large / small - 1) <= BUDGET_SHARE,
        remark: `median of ${withMany.length} ticks, nothing due; with ${figure(few)} stored it is ${milliseconds(small)} (${withFew.length} ticks)`,
      },
    ];
  },
};

async function tickWith({ host, rows }: Session, added: number): Promise<number[]> {
  for (const count of slices(added, ROWS_AT_ONCE)) await storeFuture(rows, count);
  await settle(rows);
  await host.timeInvocations('dispatcher', WARM_TICKS);
  return host.timeInvocations('dispatcher', TICKS);
}
