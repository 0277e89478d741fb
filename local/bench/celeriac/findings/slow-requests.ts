import { waitingTarget } from '../../../end-to-end/waiting-target.ts';
import { pollUntil } from '../../measuring/poll.ts';
import { noted } from '../../measuring/running.ts';
import { distribution } from '../../measuring/statistics.ts';
import { ratio, spread } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';
import { startLatency } from '../measure.ts';
import { warmSession } from '../warm-session.ts';

const BUDGET_TIMES = 2;

/** Number of tenants, and of requests for each: as many as an organization may have under way. */
const TENANTS = 8;
const REQUESTS = 40;

const ARRIVE_SECONDS = 60;

/** Measures one tenant's click while other tenants' requests wait for a server that does not answer. */
export const slowRequestsPart: Part = {
  name: 'slow-requests',
  seconds: 120,
  async run(scale, directory) {
    const session = await warmSession(directory, scale);
    const other = await session.stranger();
    const idle = distribution((await startLatency(session, scale.samples, other)).client);
    const target = await waitingTarget();
    noted(target.close);
    for (let n = 0; n < TENANTS; n += 1) {
      const tenant = await session.stranger();
      const payload = { url: target.url, timeout_seconds: 60 };
      const slow = { name: 'slow', kind: 'http.request', payload };
      await Promise.all(Array.from({ length: REQUESTS }, () => tenant.create(slow)));
    }
    const all = TENANTS * REQUESTS;
    await pollUntil(async () => target.waiting() === all, {
      everyMilliseconds: 50,
      seconds: ARRIVE_SECONDS,
    });
    const busy = distribution((await startLatency(session, scale.samples, other)).client);
    const left = target.waiting();
    return [
      {
        what: `another tenant's POST to start, beside ${all} slow requests`,
        budget: `within ${BUDGET_TIMES}× idle`,
        measured: `${spread(busy)} (${ratio(busy.p50, idle.p50)}, ${ratio(busy.p99, idle.p99)})`,
        kept: busy.p50 <= BUDGET_TIMES * idle.p50 && busy.p99 <= BUDGET_TIMES * idle.p99,
        remark: `idle ${spread(idle)}; ${busy.samples} samples, after which ${left} requests were still under way`,
      },
    ];
  },
};
