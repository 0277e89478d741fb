import { type Distribution, median, medianDistribution } from '../measuring/statistics.ts';
import type { Compared, Round } from './compare.ts';
import { figure, milliseconds, ratio, spread } from './figures.ts';
import type { Finding } from './finding.ts';
import { table } from './markdown.ts';

const CELERIAC = 'celeriac';
const LIMIT = 'postgres';

const BUDGET = {
  bulkPerSecond: 10_000,
  singlePerSecond: 1_000,
  lateness: { p50: 5, p99: 50 },
} as const;

/** Returns the table of systems: medians over the rounds, and ratios to Celeriac and to the raw database. */
export function comparison(all: readonly Compared[]): string {
  const bulkOf = ({ rounds }: Compared) => medianOf(rounds, 'bulkPerSecond');
  const celeriac = all.find(({ contender }) => contender.name === CELERIAC);
  const own = celeriac ? bulkOf(celeriac) : Number.NaN;
  const limit = Math.max(...all.filter(({ contender }) => contender.name.startsWith(LIMIT)).map(bulkOf));
  return table(
    [
      'system',
      'bulk, tasks/s',
      'to Celeriac',
      'to Postgres',
      'enqueue alone, tasks/s',
      'single, tasks/s',
      'enqueue to start, idle',
      'lateness of scheduled starts',
    ],
    all.map((compared) => {
      const { contender, rounds } = compared;
      const lateness = spreadOf(rounds, 'lateness');
      return [
        contender.name,
        figure(bulkOf(compared)),
        ratio(bulkOf(compared), own),
        ratio(bulkOf(compared), limit),
        contender.name.startsWith(LIMIT) ? '' : figure(medianOf(rounds, 'enqueuePerSecond')),
        contender.measures.includes('single') ? figure(medianOf(rounds, 'singlePerSecond')) : '',
        contender.measures.includes('latency') ? spread(spreadOf(rounds, 'latency')) : '',
        contender.measures.includes('lateness')
          ? `${spread(lateness)}${lateness ? `, min ${milliseconds(lateness.min)}` : ''}`
          : '',
      ];
    }),
  );
}

/** Returns the findings about Celeriac's own budgets in the comparison. */
export function comparedFindings(all: readonly Compared[]): Finding[] {
  const celeriac = all.find(({ contender }) => contender.name === CELERIAC);
  if (!celeriac) return [];
  const { rounds } = celeriac;
  const bulk = medianOf(rounds, 'bulkPerSecond');
  const single = medianOf(rounds, 'singlePerSecond');
  const lateness = spreadOf(rounds, 'lateness');
  const early = rounds.filter((round) => round.lateness && round.lateness.min < 0).length;
  const spreadKept =
    lateness !== undefined && lateness.p50 <= BUDGET.lateness.p50 && lateness.p99 <= BUDGET.lateness.p99;
  return [
    {
      what: 'bulk, no-op tasks, created by API to COMPLETED',
      budget: `${figure(BUDGET.bulkPerSecond)} tasks/s`,
      measured: `${figure(bulk)} tasks/s`,
      ...held(bulk, bulk >= BUDGET.bulkPerSecond),
      remark: `from before the first request to the last finished_at, by the database's clock; ${each(rounds, 'bulkPerSecond')}`,
    },
    {
      what: 'single POST, as fast as they are answered',
      budget: `${figure(BUDGET.singlePerSecond)} requests/s`,
      measured: `${figure(single)} requests/s`,
      ...held(single, single >= BUDGET.singlePerSecond),
      remark: `closed loop; the tasks run meanwhile; ${each(rounds, 'singlePerSecond')}`,
    },
    {
      what: 'lateness of a scheduled start',
      budget: `p50 ${BUDGET.lateness.p50} ms, p99 ${BUDGET.lateness.p99} ms; never early`,
      measured: `${spread(lateness)}; ${early === 0 ? 'never early' : `early in ${early} rounds`}`,
      ...held(lateness?.p50 ?? Number.NaN, spreadKept && early === 0),
      remark: `${lateness?.samples ?? 0} starts by the database's clock, the earliest ${milliseconds(lateness?.min ?? Number.NaN)} after its time`,
    },
  ];
}

/** Returns `kept`, or nothing when the figure is missing. */
function held(measured: number, kept: boolean): { kept?: boolean } {
  return Number.isNaN(measured) ? {} : { kept };
}

/** The budget table. */
export function budgets(findings: readonly Finding[]): string {
  return table(
    ['what', 'budget', 'measured', 'kept', 'how'],
    findings.map(({ what, budget, measured, kept, remark }) => [
      what,
      budget,
      measured,
      kept === undefined ? '' : kept ? 'yes' : '**no**',
      remark,
    ]),
  );
}

function medianOf(
  rounds: readonly Round[],
  of: 'bulkPerSecond' | 'enqueuePerSecond' | 'singlePerSecond',
): number {
  return median(rounds.map((round) => round[of]).filter((value) => value !== undefined));
}

function spreadOf(rounds: readonly Round[], of: 'latency' | 'lateness'): Distribution | undefined {
  const measured = rounds.map((round) => round[of]).filter((value) => value !== undefined);
  return measured.length > 0 ? medianDistribution(measured) : undefined;
}

function each(rounds: readonly Round[], of: 'bulkPerSecond' | 'singlePerSecond'): string {
  return `rounds: ${rounds.map((round) => figure(round[of] ?? Number.NaN)).join(', ')}`;
}
