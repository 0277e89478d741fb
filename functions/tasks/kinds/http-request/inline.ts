import type { JsonText } from '../../../exact-json/json-text.ts';
import { FETCH_FAILURES, FetchError } from '../../../fetch/fetch-error.ts';
import type { FetchMethod, FetchRequest, FetchResponse, SentRequest } from '../../../fetch/port.ts';
import { losesItsBody } from '../../../fetch/redirect.ts';
import { defineTask, PermanentError, RetryError, type TaskContext } from '../../define-task.ts';
import { MAX_ROW_BYTES } from '../../result.ts';
import { withoutSecretParameters } from '../../secret-names.ts';
import httpRequest, { type HttpRequestPayload } from './kind.ts';
import { bodyOf, excerptOf, jsonBytes, type ReceivedBody } from './received-body.ts';
import { headersToKeep } from './received-headers.ts';
import { retryAfterSeconds } from './retry-after.ts';

/** Result of the task: the answer. */
type HttpRequestResult = ReceivedBody & {
  readonly status: number;
  /** Method of the answered request, after redirects: `GET` after a 303. */
  readonly method: FetchMethod;
  readonly url: string;
  readonly redirects: number;
  /** Every request that was sent, in order. */
  readonly sent: readonly Readonly<SentRequest>[];
  /** Names in lower case. Only headers that contain no secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly duration_ms: number;
};

/** Unexpected statuses that another attempt may change. For those in `SAYS_WHEN`, `Retry-After` may give the time. */
const isRetried = (status: number) => status === 408 || status === 425 || status === 429 || status >= 500;
const SAYS_WHEN = new Set([429, 503]);

export default defineTask({
  ...httpRequest,
  async run(payload, context): Promise<HttpRequestResult> {
    const started = performance.now();
    context.progress(0, `${payload.method} ${new URL(payload.url).origin}`);
    const answer = await answerTo(payload, context);
    if (!isExpected(answer.status, payload.expected_status)) throw unexpected(answer, payload);
    context.progress(1, `${answer.status}`);
    const frame = {
      status: answer.status,
      method: answer.method,
      url: withoutSecretParameters(answer.url),
      redirects: answer.redirects,
      sent: shownRequests(answer),
      headers: headersToKeep(answer.headers),
      duration_ms: Math.round(performance.now() - started),
    };
    // The request has had its effect. A result that is too large to be stored must not fail the task now.
    return { ...frame, ...bodyOf(answer, MAX_ROW_BYTES - jsonBytes(frame)) };
  },
});

async function answerTo(payload: HttpRequestPayload, context: TaskContext): Promise<FetchResponse> {
  try {
    return await context.fetch(requestOf(payload, context));
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    const Failure = FETCH_FAILURES[error.code].isRetryable ? RetryError : PermanentError;
    throw new Failure(error.code, error.message, { cause: error });
  }
}

function requestOf(payload: HttpRequestPayload, { signal, idempotencyKey }: TaskContext): FetchRequest {
  const body = payload.body && bodyToSend(payload.body);
  const own: Record<string, string> = { 'idempotency-key': idempotencyKey };
  if (body !== undefined) {
    own['content-type'] = body.type;
  }
  const given = Object.entries(payload.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    url: payload.url,
    method: payload.method,
    headers: { ...own, ...Object.fromEntries(given) },
    ...(body !== undefined && { body: body.text }),
    signal,
    timeoutSeconds: payload.timeout_seconds,
    maxBytes: payload.max_response_bytes,
    overflow: 'truncate',
    followRedirects: payload.follow_redirects,
  };
}

function bodyToSend({ value, text }: JsonText): { text: string; type: string } {
  return typeof value === 'string'
    ? { text: value, type: 'text/plain; charset=utf-8' }
    : { text, type: 'application/json' };
}

/** Returns the requests that were sent. Viewers see results and errors too, so secrets are removed from every URL. */
function shownRequests({ sent }: FetchResponse) {
  return sent.map((request) => ({ ...request, url: withoutSecretParameters(request.url) }));
}

function isExpected(status: number, expected: HttpRequestPayload['expected_status']): boolean {
  return 'from' in expected ? status >= expected.from && status <= expected.to : expected.includes(status);
}

function unexpected(
  answer: FetchResponse,
  { follow_redirects }: Pick<HttpRequestPayload, 'follow_redirects'>,
): PermanentError | RetryError {
  const { status, method, headers } = answer;
  const details = {
    status,
    url: withoutSecretParameters(answer.url),
    body: excerptOf(answer),
    ...(answer.redirects > 0 && { method, sent: shownRequests(answer) }),
  };
  if (follow_redirects && losesItsBody(method, status)) {
    const location = headersToKeep(headers).location ?? null;
    return new PermanentError('redirect_not_followed', notFollowed(status), {
      details: { ...details, location },
    });
  }
  const message = `The server answered ${status}`;
  if (!isRetried(status)) return new PermanentError('unexpected_status', message, { details });
  const afterSeconds = SAYS_WHEN.has(status) ? retryAfterSeconds(headers['retry-after'], new Date()) : 0;
  return new RetryError('unexpected_status', message, { details, afterSeconds });
}

const notFollowed = (status: number) =>
  `The server answered ${status} to a POST. This redirect is not followed, as the POST would arrive as a GET without its body`;
