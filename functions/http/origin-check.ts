import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';

/** What the front door sends. */
export const ORIGIN_HEADER = 'x-origin-verify';

/** The address of the client, which the front door writes over whatever the client sent. */
export const ADDRESS_HEADER = 'x-client-address';

/** What API Gateway asks an authorizer, payload 1.0 for an HTTP API and the only one for a WebSocket API. */
export type OriginRequest = {
  /** `arn:…:<api>/<stage>/<method>/<path>` */
  methodArn: string;
  /** Names as the client wrote them. */
  headers?: Record<string, string | undefined> | null;
};

/** Seconds between two looks at the secret at least, however many wrong values come. */
const REREAD_SECONDS = 10;

/**
 * Tells requests of the front door from those that go around it, by a value that only the front door knows. The
 * answer covers the whole API, as API Gateway remembers it by the headers' values and not by the path.
 *
 * The answer hands over the client's address: functions and access logs believe it because the front door sent it.
 *
 * @param read the values that are believed: the current one, and the one before
 * @param now  milliseconds
 */
export function originCheck(read: () => Promise<readonly string[]>, now: () => number = Date.now) {
  let believed: readonly string[] = [];
  let readAt = Number.NEGATIVE_INFINITY;

  const isBelieved = (value: string) => believed.some((secret) => same(secret, value));

  return async ({ methodArn, headers }: OriginRequest) => {
    const header = (wanted: string): string => {
      const [, value = ''] =
        Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === wanted) ?? [];
      return value;
    };
    const value = header(ORIGIN_HEADER);
    const address = header(ADDRESS_HEADER);
    // It may have been renewed since.
    if (!isBelieved(value) && now() - readAt >= REREAD_SECONDS * 1000) {
      believed = await read();
      readAt = now();
    }
    const isAllowed = isBelieved(value);
    return {
      principalId: 'front-door',
      ...(isAllowed && isIP(address) !== 0 && { context: { clientAddress: address } }),
      policyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'execute-api:Invoke',
            Effect: isAllowed ? 'Allow' : 'Deny',
            Resource: `${methodArn.split('/')[0]}/*`,
          },
        ],
      },
    };
  };
}

/** Compared as digests, in a time that does not tell where they differ. */
function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
