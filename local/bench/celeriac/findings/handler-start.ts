import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../measuring/clock.ts';
import { distribution, medianDistribution } from '../../measuring/statistics.ts';
import { spread } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';
import { startLatency } from '../measure.ts';
import type { Session } from '../session.ts';
import { rounds, withSession } from '../with-session.ts';

const BUDGET = { p50: 8, p99: 30 };

const REST_MILLISECONDS = 20;
const ARRIVE_MILLISECONDS = 10_000;

/** Measures the time from a POST on an idle system to the start of the handler, from three viewpoints. */
export const handlerStartPart: Part = {
  name: 'handler-start',
  seconds: 180,
  run: (scale, directory) =>
    withSession(directory, scale, async (session) => {
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
    }),
};

/** Returns the milliseconds from the POST of each `http.request` task until the task's request arrives here. */
async function arrivalsOf({ client, completed }: Session, samples: number): Promise<number[]> {
  let arrived = Promise.withResolvers<number>();
  const server = createServer((_request, response) => {
    arrived.resolve(now());
    response.end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  try {
    const times: number[] = [];
    for (let i = 0; i < samples; i += 1) {
      arrived = Promise.withResolvers();
      const sentAt = now();
      const id = await client.create({ name: 'arrival', kind: 'http.request', payload: { url } });
      const at = await Promise.race([
        arrived.promise,
        sleep(ARRIVE_MILLISECONDS, Number.NaN, { ref: false }),
      ]);
      if (Number.isNaN(at)) throw new Error('The request of a task did not arrive');
      times.push(at - sentAt);
      await completed([id]);
      await sleep(REST_MILLISECONDS);
    }
    return times;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
