import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';

/** Header with the secret of the front door. */
export const ORIGIN_HEADER = 'x-origin-verify';

/** Header with the client's address. The front door overwrites any value that the client sent. */
export const ADDRESS_HEADER = 'x-client-address';

/** API Gateway's request to an authorizer: payload 1.0 for an HTTP API, and the only format for a WebSocket API. */
export type OriginRequest = {
  /** `arn:…:<api>/<stage>/<method>/<path>` */
  methodArn: string;
  /** Header names as the client wrote them. */
  headers?: Record<string, string | undefined> | null;
};

/** Minimum seconds between two reads of the secret, however many wrong values arrive. */
const REREAD_SECONDS = 10;

/**
 * Returns a check that tells requests through the front door from requests that bypass it, by a value that only the front
 * door knows. The answer covers the whole API, because API Gateway caches it by the headers' values and not by the path.
 *
 * The answer contains the client's address. Functions and access logs trust this address because the front door sent it.
 *
 * @param read reads the accepted values: the current one and the previous one
 * @param now  milliseconds
 */
export function originCheck(read: () => Promise<readonly string[]>, now: () => number = Date.now) {
  let accepted: readonly string[] = [];
  let readAt = Number.NEGATIVE_INFINITY;

  const isAccepted = (value: string) => accepted.some((secret) => same(secret, value));

  return async ({ methodArn, headers }: OriginRequest) => {
    const header = (wanted: string): string => {
      const [, value = ''] =
        Object.entries(headers ?? {}).find(([name]) => name.toLowerCase() === wanted) ?? [];
      return value;
    };
    const value = header(ORIGIN_HEADER);
    const address = header(ADDRESS_HEADER);
    // The secret may have been renewed since the last read.
    if (!isAccepted(value) && now() - readAt >= REREAD_SECONDS * 1000) {
      accepted = await read();
      readAt = now();
    }
    const isAllowed = isAccepted(value);
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

/** Compares digests, in constant time. */
function same(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
