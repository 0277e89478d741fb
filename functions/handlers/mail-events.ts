import type { EventBridgeEvent } from 'aws-lambda';
import { connect, connectionKeeper } from '../database/connect.ts';
import { recordReport } from '../mail/operations/reports.ts';
import { commonEnv, readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';

const env = readEnv(commonEnv);
const db = connect(env.DATABASE_URL, env.DATABASE_CA_FILE);
const keepConnection = connectionKeeper(db);

/** Takes the reports of SES about mails: bounces and complaints. */
export const handler = async (event: EventBridgeEvent<string, unknown>) => {
  await keepConnection();
  const suppressed = await recordReport({ db }, event.detail);
  logger.info('a report about a mail', { type: event['detail-type'], suppressed });
  return { suppressed };
};
