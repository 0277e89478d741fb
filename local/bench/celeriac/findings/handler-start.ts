import { setTimeout as sleep } from 'node:timers/promises';
import { startLoopbackServer } from '../../../process/loopback-server.ts';
import { now } from '../../measuring/clock.ts';
import { rounds } from '../../measuring/load.ts';
import { distribution, medianDistribution } from '../../measuring/statistics.ts';
import { spread } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';
import { startLatency } from '../measure.ts';
import type { Session } from '../session.ts';
import { warmSession } from '../warm-session.ts';

const BUDGET = { p50: 8, p99: 30 };

const REST_MILLISECONDS = 20;
const ARRIVE_MILLISECONDS = 10_000;

/** Measures the time from a POST on an idle system to the start of the handler, from three viewpoints. */
export const handlerStartPart: Part = {
  name: 'handler-start',
  seconds: 180,
  async run(scale, directory) {
    const session = await warmSession(directory, scale);
    const latencies = await rounds(scale.rounds, () => startLatency(session, scale.samples));
    const arrivals = await rounds(scale.rounds, () => arrivalsOf(session, scale.samples));
    const client = medianDistribution(latencies.map((round) => distribution(round.client)));
    const database = medianDistribution(latencies.map((round) => distribution(round.database)));
    const arrived = medianDistribution(arrivals.map(distribution));
    return [
      {
        what: 'POST to handler start, idle',
        budget: `p50 ${BUDGET.p50} ms, p99 ${BUDGET.p99} ms`,
        measured: spread(client),
        kept: client.p50 <= BUDGET.p50 && client.p99 <= BUDGET.p99,
        remark: `${client.samples} tasks, from the sending of the request to the row's started_at`,
      },
      {
        what: "… by the row's clock alone",
        budget: '',
        measured: spread(database),
        remark: 'started_at − created_at: without the way of the request',
      },
      {
        what: "… until the handler's own first request arrives",
        budget: '',
        measured: spread(arrived),
        remark: `${arrived.samples} tasks of kind http.request to this bench: with the claim's commit and a connection`,
      },
    ];
  },
};

/** Returns the milliseconds from the POST of each `http.request` task until the task's request arrives here. */
async function arrivalsOf({ client, completed }: Session, samples: number): Promise<number[]> {
  let arrived = Promise.withResolvers<number>();
  const { url, stop } = await startLoopbackServer((_request, response) => {
    arrived.resolve(now());
    response.end('{}');
  });
  try {
    return await rounds(samples, async () => {
      arrived = Promise.withResolvers();
      const sentAt = now();
      const id = await client.create({ name: 'arrival', kind: 'http.request', payload: { url } });
      const at = await Promise.race([
        arrived.promise,
        sleep(ARRIVE_MILLISECONDS, Number.NaN, { ref: false }),
      ]);
      if (Number.isNaN(at)) throw new Error('The request of a task did not arrive');
      await completed([id]);
      await sleep(REST_MILLISECONDS);
      return at - sentAt;
    });
  } finally {
    await stop();
  }
}
