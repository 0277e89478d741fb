import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../measuring/clock.ts';
import { pollUntil } from '../../measuring/poll.ts';
import { type Distribution, distribution } from '../../measuring/statistics.ts';
import { figure, ratio, spread } from '../../report/figures.ts';
import type { Part } from '../../report/finding.ts';
import type { Client } from '../client.ts';
import { bulk, NOOP, uniqueName } from '../measure.ts';
import type { Session } from '../session.ts';
import { backlogOf, firstStarts } from '../store.ts';
import { warmSession } from '../warm-session.ts';

/** Another tenant's backlog may raise a tenant's latency to at most this multiple of its idle latency. */
const BUDGET_TIMES = 3;

/** Milliseconds between two requests of the other tenant. */
const APART_MILLISECONDS = 40;
const LONGEST_SECONDS = 60;

const WARM_TASKS = 500;

/** Number of single tasks for each small batch. */
const SINGLES_PER_BATCH = 4;
const SMALL_BATCH = 10;

/** The whole backlog becomes due at one moment, after it has been handed over. */
const PREPARING_SECONDS = 5;
const HANDED_OVER_PER_SECOND = 4_000;

/** Milliseconds between two checks that the backlog lasts. The query is not cheap. */
const LOOK_MILLISECONDS = 500;

/** Measures how long one tenant's tasks wait while another tenant has a large backlog. */
export const fairnessPart: Part = {
  name: 'fairness',
  seconds: 240,
  async run(scale, directory) {
    const session = await warmSession(directory, scale);
    const other = await session.stranger();
    await bulk(session, WARM_TASKS);
    let left = scale.samples;
    const idle = await startsWhile(session, other, () => left-- > 0);
    const name = uniqueName('backlog');
    const dueAt = Date.now() + (PREPARING_SECONDS + scale.backlog / HANDED_OVER_PER_SECOND) * 1000;
    await session.client.createMany(scale.backlog, {
      ...NOOP,
      name,
      scheduled_time: new Date(dueAt).toISOString(),
    });
    await sleep(Math.max(0, dueAt - Date.now()));
    const queued = await backlogOf(session.rows, name);
    const backlog = watchBacklog(session, name);
    const busy = await startsWhile(session, other, () => backlog.lasts);
    backlog.stop();
    await session.idle();
    return [
      finding(`another tenant's POST to start, ${figure(queued)} tasks queued`, idle.single, busy.single),
      finding(
        `another tenant's bulk of ${SMALL_BATCH} to first start, ${figure(queued)} tasks queued`,
        idle.bulk,
        busy.bulk,
      ),
    ];
  },
};

function watchBacklog({ rows }: Session, name: string): { lasts: boolean; stop(): void } {
  const backlog = { lasts: true, stop: () => clearInterval(timer) };
  const timer = setInterval(async () => {
    backlog.lasts = await backlogOf(rows, name).then(
      (count) => count > 0,
      () => false,
    );
  }, LOOK_MILLISECONDS);
  return backlog;
}

function finding(what: string, idle: Distribution, busy: Distribution) {
  return {
    what,
    budget: `within ${BUDGET_TIMES}× idle`,
    measured: `${spread(busy)} (${ratio(busy.p50, idle.p50)}, ${ratio(busy.p99, idle.p99)})`,
    kept: busy.p50 <= BUDGET_TIMES * idle.p50 && busy.p99 <= BUDGET_TIMES * idle.p99,
    remark: `idle ${spread(idle)}; ${idle.samples} samples idle, ${busy.samples} while the backlog lasted`,
  };
}

/**
 * Creates single tasks and small batches in turn while `isSo` holds.
 *
 * @returns the time from each request to its start
 */
async function startsWhile(
  session: Session,
  client: Client,
  isSo: () => boolean,
): Promise<{ single: Distribution; bulk: Distribution }> {
  const singles: { id: string; sentAt: number }[] = [];
  const bulks: { name: string; sentAt: number }[] = [];
  const until = now() + LONGEST_SECONDS * 1000;
  while (now() < until && isSo()) {
    const sentAt = now();
    singles.push({ id: await client.create(NOOP), sentAt });
    await sleep(APART_MILLISECONDS);
    if (singles.length % SINGLES_PER_BATCH > 0) continue;
    const batch = { name: uniqueName('small'), sentAt: now() };
    bulks.push(batch);
    await client.createMany(SMALL_BATCH, { ...NOOP, name: batch.name });
    await sleep(APART_MILLISECONDS);
  }
  const times = await session.completed(singles.map(({ id }) => id));
  let starts: number[] = [];
  await pollUntil(
    async () => {
      starts = await firstStarts(
        session.rows,
        bulks.map(({ name }) => name),
      );
      return starts.every((at) => at !== null);
    },
    { everyMilliseconds: 50, seconds: LONGEST_SECONDS },
  );
  return {
    single: distribution(
      times.map(({ startedAt }, index) => startedAt - (singles[index]?.sentAt ?? Number.NaN)),
    ),
    bulk: distribution(starts.map((at, index) => at - (bulks[index]?.sentAt ?? Number.NaN))),
  };
}
