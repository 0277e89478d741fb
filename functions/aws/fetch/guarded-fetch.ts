import type { Dispatcher } from 'undici';
import type { LoopbackRule } from './address-rules.ts';
import { guardedAgent, type Resolver, systemResolver } from './connect.ts';
import { ACCEPT_ENCODING } from './decoders.ts';
import { FetchError } from './fetch-error.ts';
import { headerFault } from './header-rules.ts';
import type { FetchRequest, FetchResponse, GuardedFetch, SentRequest } from './port.ts';
import { type BodyLimits, readBody } from './read-body.ts';
import { type Hop, nextHop } from './redirect.ts';
import { parseTarget } from './target.ts';
import { withoutAnswer } from './without-answer.ts';

export interface GuardedFetchOptions {
  /** Whether 127.0.0.0/8 and ::1 may be reached. All other addresses that are not public are refused always. */
  readonly loopback: LoopbackRule;
  /** Default: the operating system's. */
  readonly resolve?: Resolver;
}

const MAX_REDIRECTS = 3;
const DEFAULT_TIMEOUT_SECONDS = 30;
const DEFAULT_MAX_BYTES = 64 * 1024;

/** Answers that have no body, whatever their headers say. */
const BODILESS = new Set([204, 205, 304]);

/** Makes the outbound HTTP client of a function: one per sandbox. */
export function guardedFetch({ loopback, resolve = systemResolver }: GuardedFetchOptions): GuardedFetch {
  const agent = guardedAgent(loopback, resolve);
  return async (request) => {
    const { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS, signal: callers } = request;
    const timeout = AbortSignal.timeout(Math.ceil(timeoutSeconds * 1000));
    const signal = callers === undefined ? timeout : AbortSignal.any([callers, timeout]);
    try {
      signal.throwIfAborted();
      return await follow(agent, request, signal);
    } catch (error) {
      callers?.throwIfAborted();
      if (timeout.aborted) {
        throw new FetchError('timeout', `No complete answer in ${timeoutSeconds} s`, { cause: error });
      }
      throw withoutAnswer(error);
    }
  };
}

async function follow(agent: Dispatcher, request: FetchRequest, signal: AbortSignal): Promise<FetchResponse> {
  const { followRedirects = true, maxBytes = DEFAULT_MAX_BYTES, overflow = 'refuse' } = request;
  const sent: SentRequest[] = [];
  let hop = firstHop(request);
  for (let redirects = 0; ; redirects += 1) {
    const answer = await sendHop(agent, hop, signal);
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
    hop = next;
  }
}

/** @throws FetchError `header_refused`, or what {@link parseTarget} says of the URL */
function firstHop({ url, method = 'GET', headers = {}, body }: FetchRequest): Hop {
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const fault = headerFault(name, value);
    if (fault !== undefined) throw new FetchError('header_refused', fault);
    fields.set(name.toLowerCase(), value);
  }
  return { url: parseTarget(url), method, headers: fields, ...(body !== undefined && { body }) };
}

function sendHop(agent: Dispatcher, hop: Hop, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  const answer = agent.request({
    origin: hop.url.origin,
    path: `${hop.url.pathname}${hop.url.search}`,
    method: hop.method,
    headers: [...hop.headers, ['accept-encoding', ACCEPT_ENCODING]].flat(),
    body: hop.body ?? null,
    signal,
    // The signal bounds the whole; these would bound the parts.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  // The agent heeds the signal once it is connected, and sends nothing then; a name may take longer than the caller waits.
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

/** Closes the connection without reading what is left. */
function discard({ body }: Dispatcher.ResponseData): void {
  body.on('error', () => {
    // Destroying an unread body reports an abort, which is what is meant here.
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
