/**
 * `npm run bench`: measures the budgets of docs/benchmarks.md on this machine, and compares other systems on the same
 * work.
 *
 * A whole run writes its tables into docs/benchmarks.md. Times are measured and never asserted: a missed budget is
 * reported and does not fail the run.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fill } from '../../lib/generated-parts.ts';
import { directoryOfRun, stopPostgresBelow } from '../postgres/directory-of-run.ts';
import { openCache } from './cache.ts';
import { bundlesPart } from './celeriac/findings/bundles.ts';
import { countsPart } from './celeriac/findings/counts.ts';
import { fairnessPart } from './celeriac/findings/fairness.ts';
import { framesPart } from './celeriac/findings/frames.ts';
import { handlerStartPart } from './celeriac/findings/handler-start.ts';
import { npmStartPart } from './celeriac/findings/npm-start.ts';
import { openLoopPart } from './celeriac/findings/open-loop.ts';
import { slowRequestsPart } from './celeriac/findings/slow-requests.ts';
import { tickPart } from './celeriac/findings/tick.ts';
import { contenders } from './contenders.ts';
import { machine } from './machine.ts';
import { within } from './measuring/poll.ts';
import { stopEverything } from './measuring/running.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { compare } from './report/compare.ts';
import type { Finding, Part } from './report/finding.ts';
import { budgets, comparedFindings, comparison } from './report/report.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'benchmarks.md');

/** Number of characters of a failure that the tables quote. */
const QUOTED = 200;

const PARTS: readonly Part[] = [
  openLoopPart,
  handlerStartPart,
  framesPart,
  countsPart,
  fairnessPart,
  slowRequestsPart,
  tickPart,
  bundlesPart,
  npmStartPart,
];

const startedAt = performance.now();
const options = optionsOrExit();
let isEnding = false;
const directory = await directoryOfRun('bench');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void end(130));
await bench(options).then(
  () => end(0),
  (error) => {
    console.error(error);
    return end(1);
  },
);

/** Stops every process and removes the files, even if a start is under way. */
async function end(code: number): Promise<never> {
  isEnding = true;
  await stopEverything();
  await stopPostgresBelow(directory);
  await rm(directory, { recursive: true, force: true });
  process.exit(code);
}

async function bench({ scale, only, minutes, isWhole }: Options): Promise<void> {
  const isAsked = ({ name }: { name: string }) =>
    only.length === 0 || only.some((asked) => name.startsWith(asked));
  const mayBegin = () => !isEnding && performance.now() - startedAt < minutes * 60_000;
  const findings: Finding[] = [];
  for (const part of PARTS.filter(isAsked)) {
    log(`budgets: ${part.name}`);
    findings.push(...(mayBegin() ? await findingsOf(part, options) : [missing(part, 'out of time')]));
  }
  const asked = contenders(openCache(log)).filter(isAsked);
  const compared = await compare(asked, scale, { directory, mayBegin, log });
  findings.unshift(...comparedFindings(compared));
  const parts = {
    run: [
      `- **Date:** ${new Date().toISOString().slice(0, 10)}, ${Math.round((performance.now() - startedAt) / 60_000)} minutes`,
      machine(),
      `- **Command:** \`npm run bench${process.argv
        .slice(2)
        .map((arg) => ` ${arg}`)
        .join(
          '',
        )}\`: ${scale.rounds} rounds, ${scale.tasks} tasks of a bulk load, ${scale.clients} clients, ${scale.samples} starts timed in each round`,
    ].join('\n'),
    budgets: budgets(findings),
    systems: [
      comparison(compared),
      ...compared.flatMap(({ contender, failures }) =>
        failures.map((why) => `\n**${contender.name}** ${why.split('\n')[0]?.slice(0, QUOTED)}`),
      ),
    ].join('\n'),
  };
  console.log(`\n${Object.values(parts).join('\n\n')}\n`);
  if (isWhole) await writeFile(PAGE, fill(await readFile(PAGE, 'utf8'), parts));
}

async function findingsOf(part: Part, { scale }: Options): Promise<Finding[]> {
  const place = join(directory, part.name);
  await mkdir(place, { recursive: true });
  try {
    const findings = await within(part.seconds, part.run(scale, place));
    for (const { what, measured } of findings) log(`  ${what}: ${measured}`);
    return findings;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log(`  ${why}`);
    return [missing(part, why.split('\n')[0] ?? '')];
  } finally {
    await stopEverything();
    await rm(place, { recursive: true, force: true });
  }
}

function missing({ name }: Part, why: string): Finding {
  return { what: name, budget: '', measured: '–', remark: `not measured: ${why.slice(0, QUOTED)}` };
}

function log(line: string): void {
  console.error(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(5)} s  ${line}`);
}

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}
