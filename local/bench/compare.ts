import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Contender, Measure, System } from './contender.ts';
import type { Scale } from './finding.ts';
import { within } from './poll.ts';
import { stopEverything } from './running.ts';
import { type Distribution, distribution } from './statistics.ts';

/** What one round of one system gave; what is missing was not asked or failed. */
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
  /** What went wrong, in a line each. */
  readonly failures: string[];
}

const START_SECONDS = 150;
const MEASURE_SECONDS = 240;

const WARM_TASKS = 500;
const WARM_SAMPLES = 20;

/** Scheduled tasks begin that far ahead, and are spread over this long. */
const SCHEDULE = { fromSeconds: 3, overSeconds: 4 };

/**
 * Measures every system once per round, one after the other and each from nothing, so that what drifts on the machine
 * hits all alike. The order turns by one from round to round.
 */
export async function compare(
  contenders: readonly Contender[],
  scale: Scale,
  { directory, mayBegin, log }: { directory: string; mayBegin: () => boolean; log: (line: string) => void },
): Promise<Compared[]> {
  const all = contenders.map((contender): Compared => ({ contender, rounds: [], failures: [] }));
  for (let round = 0; round < scale.rounds; round += 1) {
    for (const compared of [...all.slice(round % all.length), ...all.slice(0, round % all.length)]) {
      const { contender, rounds, failures } = compared;
      if (!mayBegin()) {
        failures.push(`round ${round + 1} was left out: out of time`);
        continue;
      }
      log(`round ${round + 1} of ${scale.rounds}: ${contender.name}`);
      const place = join(directory, `${contender.name.replaceAll(/\W+/g, '-')}-${round + 1}`);
      await mkdir(place, { recursive: true });
      const result: Round = {};
      try {
        await measure(contender, scale, place, result);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        failures.push(`round ${round + 1}: ${why}`);
        log(`  ${why}`);
      }
      rounds.push(result);
      log(`  ${JSON.stringify(result)}`);
      await rm(place, { recursive: true, force: true });
    }
  }
  return all;
}

async function measure(contender: Contender, scale: Scale, place: string, result: Round): Promise<void> {
  try {
    const system = await within(START_SECONDS, contender.start(place));
    await system.bulk?.(WARM_TASKS);
    await system.single?.({ clients: scale.clients, seconds: 1 });
    await system.latency?.(WARM_SAMPLES);
    for (const name of contender.measures)
      await within(MEASURE_SECONDS, MEASURES[name](system, scale, result));
    await system.stop();
  } finally {
    await stopEverything();
  }
}

type Asked = (system: Partial<System>, scale: Scale, result: Round) => Promise<void>;

const MEASURES: Record<Measure, Asked> = {
  async bulk(system, { tasks }, result) {
    const taken = await system.bulk?.(tasks);
    if (!taken) return;
    result.bulkPerSecond = tasks / taken.seconds;
    result.enqueuePerSecond = tasks / taken.enqueueSeconds;
  },
  async single(system, { clients, loopSeconds }, result) {
    const taken = await system.single?.({ clients, seconds: loopSeconds });
    if (taken) result.singlePerSecond = taken.perSecond;
  },
  async latency(system, { samples }, result) {
    const taken = await system.latency?.(samples);
    if (taken) result.latency = distribution(taken);
  },
  async lateness(system, { samples }, result) {
    const taken = await system.lateness?.({ samples, ...SCHEDULE });
    if (taken) result.lateness = distribution(taken);
  },
};
