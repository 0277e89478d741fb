import { Resolver } from 'node:dns';
import * as z from 'zod';
import { guardedFetch } from '../../fetch/client/guarded-fetch.ts';
import { dnsLookUp } from '../../fetch/client/look-up.ts';
import type { GuardedFetch } from '../../fetch/port.ts';
import type { EnvOf } from './environment.ts';

/** Configuration of a function that sends requests to the internet. */
export const outboundEnv = {
  /** Part of the User-Agent of every request. */
  INSTALLATION_URL: z.string().default(''),
  OUTBOUND_LOOPBACK: z.enum(['allowed', 'refused']),
  /** Addresses with optional ports, separated by commas. Empty means the system's name servers. */
  OUTBOUND_NAME_SERVERS: z
    .string()
    .default('')
    .transform((servers) => servers.split(',').flatMap((server) => server.trim() || []))
    .refine(areServers, 'Must be addresses with optional ports, such as 10.0.0.2 or 127.0.0.1:5353'),
};

export function outboundFetch(env: EnvOf<typeof outboundEnv>): GuardedFetch {
  return guardedFetch({
    loopback: env.OUTBOUND_LOOPBACK,
    lookUp: dnsLookUp(env.OUTBOUND_NAME_SERVERS),
    installation: env.INSTALLATION_URL,
  });
}

function areServers(servers: readonly string[]): boolean {
  try {
    new Resolver().setServers(servers);
    return true;
  } catch {
    return false;
  }
}
