import { fileURLToPath } from 'node:url';
import { S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { bucketPutter } from '../aws/console-bucket.ts';
import { publish } from '../console/publish.ts';
import { readEnv } from './wiring/environment.ts';
import { logger } from './wiring/logger.ts';

const env = readEnv({ CONSOLE_BUCKET: z.string().min(3) });
const put = bucketPutter(new S3Client({}), env.CONSOLE_BUCKET);

/** Runs in every deployment that changes the console. The console's files lie beside this module. */
export const handler = async () => {
  const published = await publish(fileURLToPath(new URL('console', import.meta.url)), put);
  logger.info('console published', { published });
  return { published };
};
