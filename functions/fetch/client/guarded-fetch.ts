import { Client, type Dispatcher } from 'undici';
import type { LoopbackRule } from '../address-rules.ts';
import { FetchError } from '../fetch-error.ts';
import { headerFault } from '../header-rules.ts';
import type { FetchRequest, FetchResponse, GuardedFetch, SentRequest } from '../port.ts';
import { type Hop, nextHop } from '../redirect.ts';
import { parseTarget } from '../target.ts';
import { type ConnectOptions, guardedConnector } from './connect.ts';
import { ACCEPT_ENCODING } from './decoders.ts';
import { dnsLookUp, type LookUp } from './look-up.ts';
import { type BodyLimits, readBody } from './read-body.ts';
import { turns } from './turns.ts';
import { userAgentOf } from './user-agent.ts';
import { wireBudget } from './wire-budget.ts';
import { withoutAnswer } from './without-answer.ts';

export interface GuardedFetchOptions {
  /** Allows or refuses 127.0.0.0/8 and ::1. All other addresses that are not public are always refused. */
  readonly loopback: LoopbackRule;
  /** Default: asks the name servers of the system. */
  readonly lookUp?: LookUp;
  /** URL of the installation, for the User-Agent of every request. Default: none. */
  readonly installation?: string;
}

const MAX_REDIRECTS = 3;
const DEFAULT_TIMEOUT_SECONDS = 30;
const DEFAULT_MAX_BYTES = 64 * 1024;
const MAX_RESPONSE_HEADER_BYTES = 32 * 1024;

/**
 * Maximum lookups of names at once for one organization. Further lookups wait for their turn, within the time of their
 * own requests.
 */
export const MAX_LOOKUPS = 16;

/** Answers with these statuses have no body, whatever their headers say. */
const BODILESS = new Set([204, 205, 304]);

/** Makes the outbound HTTP client of a function. A sandbox has one client. */
export function guardedFetch({
  loopback,
  lookUp = dnsLookUp(),
  installation = '',
}: GuardedFetchOptions): GuardedFetch {
  const userAgent = userAgentOf(installation);
  const inTurn = turns(MAX_LOOKUPS);
  return async (given) => {
    const request = { ...given, userAgent };
    const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, signal: callers, organizationId = '' } = request;
    const timeout = AbortSignal.timeout(Math.ceil(timeoutSeconds * 1000));
    const signal = callers === undefined ? timeout : AbortSignal.any([callers, timeout]);
    const budget = wireBudget(request.maxBytes ?? DEFAULT_MAX_BYTES);
    const lookUpInTurn: LookUp = (hostname, until) =>
      inTurn(organizationId, until, () => lookUp(hostname, until));
    try {
      signal.throwIfAborted();
      return await follow(request, { loopback, lookUp: lookUpInTurn, signal, budget });
    } catch (error) {
      callers?.throwIfAborted();
      if (timeout.aborted) {
        throw new FetchError('timeout', `No complete answer in ${timeoutSeconds} s`, { cause: error });
      }
      throw budget.failure ?? withoutAnswer(error);
    }
  };
}

/** A request with the User-Agent of its sender. */
type NamedRequest = FetchRequest & { readonly userAgent: string };

async function follow(request: NamedRequest, options: ConnectOptions): Promise<FetchResponse> {
  const { followRedirects = true, maxBytes = DEFAULT_MAX_BYTES, overflow = 'refuse' } = request;
  const sent: SentRequest[] = [];
  let hop = firstHop(request);
  for (let redirects = 0; ; redirects += 1) {
    // Each request has a client of its own, and so a connection of its own: a sandbox that was frozen would wake up with
    // dead connections.
    const client = new Client(hop.url.origin, {
      allowH2: false,
      connect: guardedConnector(options),
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
      pipelining: 0,
    });
    try {
      const answer = await sendHop(client, hop, options.signal);
      const { method } = hop;
      const url = hop.url.href;
      sent.push({ method, url, status: answer.statusCode });
      const next = followRedirects ? redirectOf(hop, answer) : undefined;
      if (next === undefined) {
        return { ...(await received(answer, hop, { maxBytes, overflow })), url, method, redirects, sent };
      }
      discard(answer);
      if (redirects === MAX_REDIRECTS)
        throw new FetchError('redirect_limit', `More than ${MAX_REDIRECTS} redirects`);
      await request.beforeRedirect?.(next.url);
      hop = next;
    } finally {
      void client.destroy();
    }
  }
}

/** Returns the first request. @throws FetchError `header_refused`, or the errors of {@link parseTarget} for the URL */
function firstHop({ url, method = 'GET', headers = {}, body, userAgent }: NamedRequest): Hop {
  const fields = new Map([['user-agent', userAgent]]);
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value);
    if (fault !== undefined) throw new FetchError('header_refused', fault);
    fields.set(name.toLowerCase(), value);
  }
  return { url: parseTarget(url), method, headers: fields, ...(body !== undefined && { body }) };
}

function sendHop(client: Client, hop: Hop, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  const answer = client.request({
    path: `${hop.url.pathname}${hop.url.search}`,
    method: hop.method,
    headers: [...hop.headers, ['accept-encoding', ACCEPT_ENCODING]].flat(),
    body: hop.body ?? null,
    signal,
    // `signal` bounds the whole request. These two limits would bound its parts.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  // The client heeds the signal only after it has connected, and then sends nothing. Connecting may take longer than the
  // caller waits.
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([answer, over]);
}

function redirectOf(hop: Hop, answer: Dispatcher.ResponseData): Hop | undefined {
  const { location } = answer.headers;
  try {
    return nextHop(hop, answer.statusCode, typeof location === 'string' ? location : location?.[0]);
  } catch (error) {
    discard(answer);
    throw error;
  }
}

async function received(answer: Dispatcher.ResponseData, hop: Hop, limits: BodyLimits) {
  const headers = singleValues(answer.headers);
  const bodiless = hop.method === 'HEAD' || BODILESS.has(answer.statusCode);
  if (bodiless) discard(answer);
  try {
    const { bytes: body, ...read } = bodiless
      ? { bytes: new Uint8Array(), truncated: false }
      : await readBody(answer.body, headers['content-encoding'], limits);
    return { status: answer.statusCode, headers, body, ...read };
  } catch (error) {
    discard(answer);
    throw error;
  }
}

/** Closes the connection without reading the rest of the body. */
function discard({ body }: Dispatcher.ResponseData): void {
  body.on('error', () => {
    // Destroying an unread body reports an abort. The abort is intended.
  });
  body.destroy();
}

function singleValues(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  const single: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) single[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return single;
}
