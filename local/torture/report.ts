import type { Outcome } from './run.ts';

/** Number of cases that the report lists for a broken rule. */
const CASES = 10;

const count = (number: number) => number.toLocaleString('en');

/** Formats a report for people: the injected faults, the surviving work, and the result of the ledger check. */
export function report({ evidence, harm, ...outcome }: Outcome): string {
  const { created, rows, ledger, changes } = evidence;
  const attempts = (what: string) => ledger.filter((line) => line.outcome === what).length;
  const inStatus = (status: string) => rows.filter((row) => row.status === status).length;
  const answered = (what: string, code: number) =>
    changes.filter((change) => change.what === what && change.code === code).length;
  const hits = [...evidence.hits.values()];
  const requests = hits.reduce((sum, { length }) => sum + length, 0);

  const lines: [string, string][] = [
    ['duration', `${outcome.seconds.toFixed(0)} s`],
    ['workers killed', `${harm.kills}`],
    ['workers that stood still past their lease', `${harm.stalls}`],
    ['of these, resumed while another worker had the task', `${harm.takenOver}`],
    ['killed or stopped with a clock ten minutes off', `${harm.wrongClocks}`],
    ['cuts of all database connections', `${harm.cuts} (${count(harm.connectionsCut)} connections)`],
    ['restarts of the queue server', `${harm.queueRestarts}, wiped ${harm.queueWipes}`],
    ['messages doubled, dead letters', `${count(outcome.doubled)}, ${count(outcome.deadLetters)}`],
    ['ticks, dispatchers killed in one', `${harm.ticks}, ${harm.ticksKilled}`],
    ['tasks acknowledged', count(created.size)],
    ['creations without an answer', count(outcome.unanswered)],
    [
      'completed, failed, cancelled',
      ['COMPLETED', 'FAILED', 'CANCELLED'].map((status) => count(inStatus(status))).join(', '),
    ],
    ['attempts', count(ledger.length)],
    ['of these, retried', count(attempts('retried'))],
    ['of these, rescued from a dead worker', count(attempts('crashed'))],
    ['requests at the target, of so many tasks', `${count(requests)}, ${count(hits.length)}`],
    [
      'cancels: before the start, while running, too late',
      [200, 202, 409].map((code) => count(answered('cancel', code))).join(', '),
    ],
    ['retries by hand', count(answered('retry', 200))],
  ];
  const width = Math.max(
    ...lines.map(([name]) => name.length),
    ...[...outcome.violations.keys()].map((name) => name.length),
  );
  const table = (pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  const check = [...outcome.violations].map(([rule, cases]) => [rule, count(cases.length)] as const);
  const broken = [...outcome.violations].filter(([, cases]) => cases.length > 0);
  return [
    ...table(lines),
    '',
    'Ledger check',
    ...table(check),
    ...broken.flatMap(([rule, cases]) => [
      '',
      `${rule}: ${cases.length > CASES ? `the first ${CASES} of ${count(cases.length)}` : ''}`,
      ...cases.slice(0, CASES).map((text) => `  ${text}`),
    ]),
  ].join('\n');
}
