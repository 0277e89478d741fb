import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';
import { now } from '../../measuring/clock.ts';
import { rounds } from '../../measuring/load.ts';
import { distribution, medianDistribution } from '../../measuring/statistics.ts';
import { spread } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';
import { NOOP } from '../measure.ts';
import type { Session } from '../session.ts';
import { warmSession } from '../warm-session.ts';

const BUDGET = { p50: 5, p99: 30 };

/** Largest number of tasks that one connection may watch. */
const MAX_SUBSCRIPTIONS = 100;

/** Milliseconds from a task's creation to its start: time to subscribe. */
const AHEAD_MILLISECONDS = 1_500;

/** Milliseconds between two tasks, so that their starts do not wait for each other. */
const APART_MILLISECONDS = 25;

/** Milliseconds to wait for the last frame after the last task has completed. */
const GRACE_MILLISECONDS = 1_000;

/** Measures the time from a status write to its frame at a client that watches the task. */
export const framesPart: Part = {
  name: 'frames',
  seconds: 180,
  async run(scale, directory) {
    const session = await warmSession(directory, scale);
    const results = await rounds(scale.rounds, () =>
      watch(session, Math.min(scale.samples, MAX_SUBSCRIPTIONS)),
    );
    const measured = medianDistribution(results.map(({ times }) => distribution(times)));
    const lost = results.reduce((sum, round) => sum + round.lost, 0);
    return [
      {
        what: 'status write to frame at the client',
        budget: `p50 ${BUDGET.p50} ms, p99 ${BUDGET.p99} ms`,
        measured: spread(measured),
        kept: measured.p50 <= BUDGET.p50 && measured.p99 <= BUDGET.p99,
        remark: `${measured.samples} frames (RUNNING and COMPLETED), from the row's own time of the change, before its commit; ${lost} did not arrive`,
      },
    ];
  },
};

async function watch(
  { client, host, completed }: Session,
  samples: number,
): Promise<{ times: number[]; lost: number }> {
  const socket = new WebSocket(`${host.url.replace('http', 'ws')}/ws?ticket=${await client.ticket()}`);
  const arrivals = new Map<string, number>();
  socket.on('message', (data) => {
    const at = now();
    const { id, status } = JSON.parse(String(data));
    arrivals.set(`${id} ${status}`, at);
  });
  await new Promise<void>((open, failed) => {
    socket.once('open', open);
    socket.once('error', failed);
  });
  try {
    const ids: string[] = [];
    for (let i = 0; i < samples; i += 1) {
      const scheduled_time = new Date(Date.now() + AHEAD_MILLISECONDS).toISOString();
      const task = await client.create({ ...NOOP, scheduled_time });
      socket.send(JSON.stringify({ action: 'subscribe', task }));
      ids.push(task);
      await sleep(APART_MILLISECONDS);
    }
    const rows = await completed(ids);
    await sleep(GRACE_MILLISECONDS);
    const times = rows.flatMap(({ id, startedAt, updatedAt }) => [
      (arrivals.get(`${id} RUNNING`) ?? Number.NaN) - startedAt,
      (arrivals.get(`${id} COMPLETED`) ?? Number.NaN) - updatedAt,
    ]);
    const arrived = times.filter(Number.isFinite);
    return { times: arrived, lost: times.length - arrived.length };
  } finally {
    socket.terminate();
  }
}
