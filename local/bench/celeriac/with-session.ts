import type { Scale } from '../report/finding.ts';
import { single, startLatency } from './measure.ts';
import { openSession, type Session } from './session.ts';

const WARM_SAMPLES = 20;

/** Runs `run` on its own warmed-up Celeriac, and stops that Celeriac afterwards. */
export async function withSession<T>(
  directory: string,
  { clients, warmSeconds }: Scale,
  run: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await openSession(directory);
  try {
    await single(session, { clients, seconds: warmSeconds });
    await startLatency(session, WARM_SAMPLES);
    return await run(session);
  } finally {
    await session.stop();
  }
}

/** Runs the rounds one after the other. @returns their results */
export async function rounds<T>(count: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let round = 0; round < count; round += 1) results.push(await run());
  return results;
}
