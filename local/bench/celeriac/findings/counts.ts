import { setTimeout as sleep } from 'node:timers/promises';
import { figure } from '../../report/figures.ts';
import type { Finding, Part } from '../../report/finding.ts';
import { bulk, NOOP, startLatency } from '../measure.ts';
import type { Session } from '../session.ts';
import { resetStatements, statements } from '../store.ts';
import { warmSession } from '../warm-session.ts';

const BUDGET = { bulk: 0.05, single: 3 };

/** Roles that run on a schedule. Their statements belong to no task. */
const BY_THE_CLOCK = ['dispatcher', 'prices'];

/** Both task queues and the dead letters are polled; one poll lasts `LONG_POLL_SECONDS`. */
const POLLED_QUEUES = 3;
const LONG_POLL_SECONDS = 20;

const WARM_TASKS = 500;

const DELETE_MILLISECONDS = 1_000;

/** Counts the statements per task (pg_stat_statements) and the queue requests per task. */
export const countsPart: Part = {
  name: 'counts',
  seconds: 180,
  async run(scale, directory) {
    const session = await warmSession(directory, scale);
    await bulk(session, WARM_TASKS);
    const many = await counted(session, () => session.client.createMany(scale.tasks, NOOP));
    const single = await counted(session, () => startLatency(session, scale.samples));
    return [...findings('bulk', many, scale.tasks), ...findings('single', single, scale.samples)];
  },
};

type Counted = {
  readonly statements: Readonly<Record<string, number>>;
  readonly requests: Readonly<Record<string, number>>;
  /** Requests that idle pollers make in the same time. */
  readonly idlePolls: number;
};

async function counted(session: Session, run: () => Promise<unknown>): Promise<Counted> {
  const { host, rows } = session;
  await session.idle();
  await resetStatements(rows);
  const before = await host.sqsRequests();
  const startedAt = performance.now();
  await run();
  await session.idle();
  // Workers delete the last messages after the tasks have ended.
  await sleep(DELETE_MILLISECONDS);
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await host.sqsRequests();
  const byRole = Object.entries(await statements(rows));
  return {
    statements: Object.fromEntries(byRole.filter(([role]) => !BY_THE_CLOCK.includes(role))),
    requests: Object.fromEntries(
      Object.entries(after).map(([action, count]) => [action, count - (before[action] ?? 0)]),
    ),
    idlePolls: POLLED_QUEUES * Math.ceil(seconds / LONG_POLL_SECONDS),
  };
}

function findings(
  way: 'bulk' | 'single',
  { statements, requests, idlePolls }: Counted,
  tasks: number,
): Finding[] {
  const ofQueue = total(requests);
  return [
    {
      what: `statements per task, ${way}`,
      budget: figure(BUDGET[way]),
      measured: figure(total(statements) / tasks),
      kept: total(statements) / tasks <= BUDGET[way],
      remark: `${tasks} tasks; ${perTask(statements, tasks)}; begin and commit count`,
    },
    {
      what: `SQS requests per task, ${way}`,
      budget: figure(BUDGET[way]),
      measured: figure(ofQueue / tasks),
      kept: (ofQueue - idlePolls) / tasks <= BUDGET[way],
      remark: `${tasks} tasks; ${perTask(requests, tasks)}; among them up to ${idlePolls} long polls that idle pollers renew in that time`,
    },
  ];
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function perTask(counts: Readonly<Record<string, number>>, tasks: number): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${figure(count / tasks)}`)
    .join(', ');
}
