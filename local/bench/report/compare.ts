import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Contender, Measure, System } from '../measuring/contender.ts';
import { within } from '../measuring/poll.ts';
import { stopEverything } from '../measuring/running.ts';
import { type Distribution, distribution } from '../measuring/statistics.ts';
import type { Scale } from './finding.ts';

/** Results of one round of one system. A missing field was not measured or failed. */
export interface Round {
  bulkPerSecond?: number;
  enqueuePerSecond?: number;
  singlePerSecond?: number;
  latency?: Distribution;
  lateness?: Distribution;
}

export interface Compared {
  readonly contender: Contender;
  readonly rounds: Round[];
  /** Failures, one line each. */
  readonly failures: string[];
}

const START_SECONDS = 150;
const MEASURE_SECONDS = 240;

const WARM_SAMPLES = 20;

/** Scheduled tasks begin `fromSeconds` from now and are spread over `overSeconds`. */
const SCHEDULE = { fromSeconds: 3, overSeconds: 4 };

/**
 * Measures every system once per round, one after the other and each with no data, so that drift of the machine affects
 * all systems alike. The order rotates by one from round to round.
 */
export async function compare(
  contenders: readonly Contender[],
  scale: Scale,
  { directory, mayBegin, log }: { directory: string; mayBegin: () => boolean; log: (line: string) => void },
): Promise<Compared[]> {
  const all = contenders.map((contender): Compared => ({ contender, rounds: [], failures: [] }));
  const ready: Compared[] = [];
  for (const compared of all) {
    await (compared.contender.prepare?.() ?? Promise.resolve()).then(
      () => ready.push(compared),
      (error) => compared.failures.push(`could not be installed: ${error.message}`),
    );
  }
  for (let round = 0; round < scale.rounds; round += 1) {
    const first = round % Math.max(1, ready.length);
    for (const compared of [...ready.slice(first), ...ready.slice(0, first)]) {
      const { contender, rounds, failures } = compared;
      if (!mayBegin()) {
        failures.push(`round ${round + 1} was left out: out of time`);
        continue;
      }
      log(`round ${round + 1} of ${scale.rounds}: ${contender.name}`);
      const place = join(directory, `${contender.name.replaceAll(/\W+/g, '-')}-${round + 1}`);
      await mkdir(place, { recursive: true });
      const result: Round = {};
      const failed = (what: string, error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        failures.push(`round ${round + 1}, ${what}: ${why}`);
        log(`  ${what}: ${why}`);
      };
      await measure(contender, { scale, place, result, failed }).catch((error) => failed('start', error));
      rounds.push(result);
      log(`  ${JSON.stringify(result)}`);
      await rm(place, { recursive: true, force: true });
    }
  }
  return all;
}

type Measuring = {
  scale: Scale;
  /** A directory for the system's files. */
  place: string;
  /** Receives the results. */
  result: Round;
  /** Called with a measure that failed; the other measures still run. */
  failed: (what: string, error: unknown) => void;
};

async function measure(contender: Contender, { scale, place, result, failed }: Measuring): Promise<void> {
  try {
    const system = await within(START_SECONDS, contender.start(place));
    for (const name of contender.measures) {
      await within(MEASURE_SECONDS, MEASURES[name](system, scale, result)).catch((error) =>
        failed(name, error),
      );
    }
  } finally {
    await stopEverything();
  }
}

type Asked = (system: System, scale: Scale, result: Round) => Promise<void>;

/** First-time costs do not count: each measure runs a small warm-up first. */
const MEASURES: Record<Measure, Asked> = {
  async bulk(system, { tasks, warmTasks }, result) {
    await system.bulk(warmTasks);
    const taken = await system.bulk(tasks);
    result.bulkPerSecond = tasks / taken.seconds;
    result.enqueuePerSecond = tasks / taken.enqueueSeconds;
  },
  async single(system, { clients, loopSeconds, warmSeconds }, result) {
    await system.single({ clients, seconds: warmSeconds });
    const taken = await system.single({ clients, seconds: loopSeconds });
    result.singlePerSecond = taken.perSecond;
  },
  async latency(system, { samples }, result) {
    await system.latency(WARM_SAMPLES);
    result.latency = distribution(await system.latency(samples));
  },
  async lateness(system, { samples }, result) {
    result.lateness = distribution(await system.lateness({ samples, ...SCHEDULE }));
  },
};
