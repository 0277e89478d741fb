import { parse } from 'lossless-json';
import { FETCH_FAILURES, FetchError } from '../../fetch/fetch-error.ts';
import { type Backoff, backoffSeconds } from '../../tasks/backoff.ts';
import { shortened } from '../faults.ts';
import type { CallFailure } from '../trace.ts';
import type { FetchText } from './fetch-text.ts';

/** Seconds; CoinGecko answers within one second. */
const ATTEMPT_SECONDS = 10;

/** Seconds; with less time left, no further attempt begins. */
const SHORTEST_ATTEMPT_SECONDS = 1;

const MAX_ATTEMPTS = 3;

const BACKOFF: Backoff = { base: 1, factor: 2, cap: 10, jitter: 'full' };

/** Twice the size of an answer with 500 assets in 60 currencies at 60 bytes each. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The time functions of the loop. Tests replace them, so that they need no time. */
export type Clock = {
  /** Seconds since any fixed moment. Never goes back. */
  elapsed(): number;
  sleep(seconds: number): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
};

export type AskDeps = { fetchText: FetchText; clock: Clock; headers: Record<string, string> };

/** The provider's answer by asset. Numbers are `LosslessNumber`; other values are as the provider sent them. */
export type Answer = Record<string, unknown>;

/** @property answer undefined when every attempt failed */
type Asked = { answer: Answer | undefined; attempts: number; failures: CallFailure[] };

type Attempt = { answer: Answer } | { failure: CallFailure; isRetryable: boolean };

/** Meanings of statuses other than 200; the first match counts. `again` means that another attempt may succeed. */
const STATUS_FAILURES: readonly { from: number; to: number; code: string; isRetryable: boolean }[] = [
  { from: 429, to: 429, code: 'rate_limited', isRetryable: true },
  { from: 408, to: 408, code: 'timeout', isRetryable: true },
  { from: 500, to: 599, code: 'provider_error', isRetryable: true },
  { from: 300, to: 399, code: 'redirected', isRetryable: false },
  { from: 400, to: 499, code: 'request_refused', isRetryable: false },
  { from: 0, to: 999, code: 'unexpected_status', isRetryable: false },
];

/**
 * Gets one answer, in up to three attempts with full jitter between them, and never beyond `budgetSeconds`. A Retry-After
 * is honoured. When it does not fit into the budget, no further attempt is made, and the next tick asks again.
 */
export async function askProvider(deps: AskDeps, url: string, budgetSeconds: number): Promise<Asked> {
  const { clock } = deps;
  const end = clock.elapsed() + budgetSeconds;
  const failures: CallFailure[] = [];
  let attempts = 0;
  while (attempts < MAX_ATTEMPTS) {
    const secondsLeft = end - clock.elapsed();
    if (secondsLeft < SHORTEST_ATTEMPT_SECONDS) break;
    attempts += 1;
    const attempt = await ask(deps, url, Math.min(ATTEMPT_SECONDS, secondsLeft));
    if ('answer' in attempt) return { answer: attempt.answer, attempts, failures };
    failures.push(attempt.failure);
    if (!attempt.isRetryable || attempts === MAX_ATTEMPTS) break;
    const pause = Math.max(backoffSeconds(attempts, BACKOFF, clock.random), attempt.failure.retry_after ?? 0);
    if (clock.elapsed() + pause + SHORTEST_ATTEMPT_SECONDS > end) break;
    await clock.sleep(pause);
  }
  return { answer: undefined, attempts, failures };
}

async function ask({ fetchText, headers }: AskDeps, url: string, timeoutSeconds: number): Promise<Attempt> {
  try {
    const response = await fetchText(url, { headers, timeoutSeconds, maxBytes: MAX_BYTES });
    return response.status === 200 ? understood(response.text) : failedStatus(response);
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    const failure = { code: error.code, message: shortened(error.message, 200) };
    return { failure, isRetryable: FETCH_FAILURES[error.code].isRetryable };
  }
}

function failedStatus(response: { status: number; headers: Readonly<Record<string, string>> }): Attempt {
  const { status, headers } = response;
  const meaning = STATUS_FAILURES.find(({ from, to }) => status >= from && status <= to);
  const retryAfter = retryAfterSeconds(headers);
  return {
    failure: {
      code: meaning?.code ?? 'unexpected_status',
      status,
      ...(retryAfter !== undefined && { retry_after: retryAfter }),
    },
    isRetryable: meaning?.isRetryable ?? false,
  };
}

/** Returns the seconds to wait. A Retry-After that is a date is compared with the server's own clock. */
function retryAfterSeconds(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['retry-after'] ?? '';
  const seconds = /^\d{1,9}$/.test(value)
    ? Number(value)
    : (Date.parse(value) - Date.parse(headers.date ?? '')) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

/**
 * Parses the text and keeps its numbers as they are written. HTML, half a document, NaN, or a key that is given twice
 * with different values is not an answer.
 */
function understood(text: string): Attempt {
  try {
    const answer = parse(text);
    if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) {
      return { answer: answer as Answer };
    }
    return { failure: { code: 'not_an_object', status: 200, message: shortened(text) }, isRetryable: true };
  } catch {
    // The error is a SyntaxError, or a RangeError when the nesting exhausts the stack. The beginning of the text is more
    // useful than the error.
    return { failure: { code: 'not_json', status: 200, message: shortened(text) }, isRetryable: true };
  }
}
