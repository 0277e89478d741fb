import type { Scale } from '../report/finding.ts';
import { single, startLatency } from './measure.ts';
import { openSession, type Session } from './session.ts';

const WARM_SAMPLES = 20;

/** Starts a Celeriac for one part and warms it up. The bench stops it after the part. */
export async function warmSession(directory: string, { clients, warmSeconds }: Scale): Promise<Session> {
  const session = await openSession(directory);
  await single(session, { clients, seconds: warmSeconds });
  await startLatency(session, WARM_SAMPLES);
  return session;
}
