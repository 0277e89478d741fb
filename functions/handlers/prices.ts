import { setTimeout } from 'node:timers/promises';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Context, EventBridgeEvent } from 'aws-lambda';
import * as z from 'zod';
import { CLIENT_SETTINGS } from '../aws/client-settings.ts';
import { secretReader } from '../aws/secrets.ts';
import { connect, connectionKeeper } from '../database/connect.ts';
import { textGetter } from '../fetch/get-text.ts';
import { FETCH_METRICS } from '../prices/update/fetch-metric.ts';
import { keyHeader } from '../prices/update/key-header.ts';
import { type Tick, type UpdateDeps, updatePrices } from '../prices/update/update-prices.ts';
import { commonEnv, readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';
import { metricsEnv, metricsOf } from './wiring/metrics.ts';
import { outboundEnv, outboundFetch } from './wiring/outbound.ts';

/** Seconds for all calls of a tick, out of the 60 seconds of the function. The rest is for the database. */
const BUDGET_SECONDS = 40;
const RESERVE_SECONDS = 15;

const env = readEnv({
  ...commonEnv,
  PRICE_PROVIDER_URL: z.url({ protocol: /^https?$/ }),
  PRICE_API_KEY: z.string().default(''),
  PRICE_API_KEY_SECRET: z.string().default(''),
  ...metricsEnv,
  ...outboundEnv,
});

const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);
const { measure, flush } = metricsOf(env);
const fetch = outboundFetch(env);

/** Returns the provider's API key; empty for no key. A configured secret takes precedence over the key in the environment. */
async function readApiKey(): Promise<string> {
  if (env.PRICE_API_KEY_SECRET === '') return env.PRICE_API_KEY;
  const read = secretReader(new SecretsManagerClient(CLIENT_SETTINGS), env.PRICE_API_KEY_SECRET);
  return (await read('AWSCURRENT'))?.trim() ?? '';
}

const deps: Omit<UpdateDeps, 'headers'> = {
  db,
  baseUrl: env.PRICE_PROVIDER_URL,
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
  await keepConnection();
  // The key is read for each tick, so that a renewed key works from the next tick on.
  const headers = { accept: 'application/json', ...keyHeader(env.PRICE_PROVIDER_URL, await readApiKey()) };
  const secondsLeft = context.getRemainingTimeInMillis() / 1000 - RESERVE_SECONDS;
  const tick = await updatePrices(
    { ...deps, headers },
    new Date(time),
    Math.min(BUDGET_SECONDS, secondsLeft),
  );
  if (!tick.repeated) {
    for (const metric of FETCH_METRICS[tick.outcome]) measure(metric, 1);
    measure('PricesStored', tick.stored);
  }
  flush();
  return tick;
}
