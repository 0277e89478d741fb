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
 * Returns the request that a redirect asks for: a GET after 303, otherwise the same request again. Headers that could
 * hold a secret are not sent to another origin.
 *
 * A POST that is answered with 301 or 302 is not followed. Browsers then send a GET without the body, and RFC 9110
 * (15.4.2, 15.4.3) allows both: the server may have carried out the POST or not.
 *
 * @returns undefined when the redirect must not be followed
 * @throws FetchError `redirect_refused`, or the errors of {@link parseTarget} for the new URL
 */
export function nextHop(hop: Hop, status: number, location: string | undefined): Hop | undefined {
  if (!REDIRECTS.has(status) || location === undefined) return undefined;
  if (losesItsBody(hop.method, status)) return undefined;
  const joined = URL.parse(location, hop.url.href);
  if (joined === null) throw new FetchError('redirect_refused', 'The redirect leads to an invalid URL');
  const url = parseTarget(joined.href);
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new FetchError('redirect_refused', 'Redirected from https to http');
  }
  const headers = url.origin === hop.url.origin ? new Map(hop.headers) : headersForNewOrigin(hop.headers);
  if (status !== 303 || hop.method === 'GET' || hop.method === 'HEAD') return { ...hop, url, headers };
  for (const name of headers.keys()) if (name.startsWith('content-')) headers.delete(name);
  return { url, headers, method: 'GET' };
}

/** Returns true for a redirect that browsers follow with a GET, although the server may not have carried out the request. */
export function losesItsBody(method: FetchMethod, status: number): boolean {
  return method === 'POST' && (status === 301 || status === 302);
}
