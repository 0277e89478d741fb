import { setTimeout } from 'node:timers/promises';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import * as z from 'zod';
import { textGetter } from '../aws/fetch/get-text.ts';
import { guardedFetch } from '../aws/fetch/guarded-fetch.ts';
import { connect, wakener } from '../database/connect.ts';
import { keyHeader } from '../prices/key-header.ts';
import { type Tick, type UpdateDeps, updatePrices } from '../prices/update-prices.ts';
import { commonEnv, readEnv } from './environment.ts';
import { logger } from './logger.ts';

/** Seconds for all calls of a tick, of the 60 that the function has; the database gets the rest. */
const BUDGET_SECONDS = 40;
const RESERVE_SECONDS = 15;

const env = readEnv({
  ...commonEnv,
  PRICE_PROVIDER_URL: z.url({ protocol: /^https?$/ }),
  PRICE_API_KEY: z.string().default(''),
  OUTBOUND_LOOPBACK: z.enum(['allowed', 'refused']),
});

const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const wake = wakener(db);
const fetch = guardedFetch({ loopback: env.OUTBOUND_LOOPBACK });

const deps: UpdateDeps = {
  db,
  baseUrl: env.PRICE_PROVIDER_URL,
  headers: { accept: 'application/json', ...keyHeader(env.PRICE_PROVIDER_URL, env.PRICE_API_KEY) },
  fetchText: textGetter((request) => fetch({ ...request, followRedirects: false })),
  clock: {
    elapsed: () => performance.now() / 1000,
    sleep: (seconds) => setTimeout(seconds * 1000),
    random: Math.random,
  },
  log: (level, message, fields) => logger[level](message, fields),
};

const ScheduledEvent = z.object({ time: z.iso.datetime() });

export async function handler(
  event: EventBridgeEvent<'Scheduled Event', unknown>,
  context: Context,
): Promise<Tick> {
  const { time } = ScheduledEvent.parse(event);
  await wake();
  const secondsLeft = context.getRemainingTimeInMillis() / 1000 - RESERVE_SECONDS;
  return updatePrices(deps, new Date(time), Math.min(BUDGET_SECONDS, secondsLeft));
}
