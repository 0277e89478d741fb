import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { CLIENT_SETTINGS } from '../aws/client-settings.ts';
import { secretReader } from '../aws/secrets.ts';
import { type OriginRequest, originCheck } from '../http/origin-check.ts';
import { readEnv } from './wiring/environment.ts';

const env = readEnv({ ORIGIN_SECRET_ARN: z.string().min(1) });
const read = secretReader(new SecretsManagerClient(CLIENT_SETTINGS), env.ORIGIN_SECRET_ARN);
const check = originCheck(async () => {
  const versions = await Promise.all([read('AWSCURRENT'), read('AWSPREVIOUS')]);
  return versions.filter((version) => version !== undefined);
});

/** Authorizes requests to both APIs: allows requests that came through the front door. */
export const handler = (event: OriginRequest) => check(event);
