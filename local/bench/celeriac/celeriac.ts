import type { Contender } from '../measuring/contender.ts';
import { bulk, lateness, single, startLatency } from './measure.ts';
import { openSession } from './session.ts';

/** Celeriac, called over HTTP as an external program would call it. */
export const celeriac: Contender = {
  name: 'celeriac',
  measures: ['bulk', 'single', 'latency', 'lateness'],
  async start(directory) {
    const session = await openSession(directory);
    return {
      bulk: (tasks) => bulk(session, tasks),
      single: (load) => single(session, load),
      latency: async (samples) => (await startLatency(session, samples)).client,
      lateness: (plan) => lateness(session, plan),
    };
  },
};
