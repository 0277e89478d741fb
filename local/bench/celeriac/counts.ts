import { figure } from '../figures.ts';
import type { Finding, Part } from '../finding.ts';
import { NOOP, startLatency } from './measure.ts';
import type { Session } from './session.ts';
import { resetStatements, statements } from './store.ts';
import { withSession } from './with-session.ts';

const BUDGET = { bulk: 0.05, single: 3 };

/** What the dispatcher and the prices do by the clock is nobody's task. */
const BY_THE_CLOCK = ['dispatcher', 'prices'];

/** Statements and queue requests of a task, counted by Postgres (pg_stat_statements) and by the queue. */
export const countsPart: Part = {
  name: 'counts',
  seconds: 180,
  run: (scale, directory) =>
    withSession(directory, scale, async (session) => {
      const bulk = await counted(session, scale.tasks, () => session.client.createMany(scale.tasks, NOOP));
      const single = await counted(session, scale.samples, () => startLatency(session, scale.samples));
      return [...findings('bulk', bulk, scale.tasks), ...findings('single', single, scale.samples)];
    }),
};

type Counted = { perTask: { statements: number; requests: number }; byRole: Record<string, number> };

async function counted(session: Session, tasks: number, run: () => Promise<unknown>): Promise<Counted> {
  await session.idle();
  await resetStatements(session.rows);
  const requestsBefore = await session.host.sqsRequests();
  await run();
  await session.idle();
  const requests = (await session.host.sqsRequests()) - requestsBefore;
  const byRole = await statements(session.rows);
  const caused = Object.entries(byRole).filter(([role]) => !BY_THE_CLOCK.includes(role));
  const total = caused.reduce((sum, [, calls]) => sum + calls, 0);
  return {
    perTask: { statements: total / tasks, requests: requests / tasks },
    byRole: Object.fromEntries(caused),
  };
}

function findings(way: 'bulk' | 'single', { perTask, byRole }: Counted, tasks: number): Finding[] {
  const roles = Object.entries(byRole).map(([role, calls]) => `${role} ${figure(calls / tasks)}`);
  return [
    {
      what: `statements per task, ${way}`,
      budget: figure(BUDGET[way]),
      measured: figure(perTask.statements),
      kept: perTask.statements <= BUDGET[way],
      remark: `${tasks} tasks; ${roles.join(', ')}; begin and commit count`,
    },
    {
      what: `SQS requests per task, ${way}`,
      budget: figure(BUDGET[way]),
      measured: figure(perTask.requests),
      kept: perTask.requests <= BUDGET[way],
      remark: `${tasks} tasks; polls of empty queues meanwhile count`,
    },
  ];
}
