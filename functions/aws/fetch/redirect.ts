import { FetchError } from './fetch-error.ts';
import { headersForNewOrigin } from './header-rules.ts';
import type { FetchMethod } from './port.ts';
import { parseTarget } from './target.ts';

/** One request of a chain of redirects. */
export interface Hop {
  readonly url: URL;
  readonly method: FetchMethod;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body?: string | Uint8Array;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * The request that a redirect asks for, as browsers understand it: after 303 a GET, after 301 and 302 a GET in place
 * of a POST, otherwise the same request again. Another origin learns no header that could be a secret.
 *
 * @returns undefined when this answer is no redirect
 * @throws FetchError `redirect_refused`, or what {@link parseTarget} says of the new URL
 * @see https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export function nextHop(hop: Hop, status: number, location: string | undefined): Hop | undefined {
  if (!REDIRECTS.has(status) || location === undefined) return undefined;
  const joined = URL.parse(location, hop.url.href);
  if (joined === null) throw new FetchError('redirect_refused', 'Redirected to what is no URL');
  const url = parseTarget(joined.href);
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new FetchError('redirect_refused', 'Redirected from https to http');
  }
  const headers = url.origin === hop.url.origin ? new Map(hop.headers) : headersForNewOrigin(hop.headers);
  if (!becomesGet(hop.method, status)) return { ...hop, url, headers };
  for (const name of headers.keys()) if (name.startsWith('content-')) headers.delete(name);
  return { url, headers, method: 'GET' };
}

function becomesGet(method: FetchMethod, status: number): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD';
  return method === 'POST' && (status === 301 || status === 302);
}
