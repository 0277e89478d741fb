// @ts-check

/**
 * @typedef {{ in: string, pointer: string, detail: string }} FieldError
 * @typedef {{ method?: string, body?: unknown, access?: string | null, signal?: AbortSignal }} Sending
 */

/** Longest wait for an answer, in milliseconds; API Gateway gives up at 30 s. */
const TIMEOUT_MS = 35_000;

/** What the API refused (RFC 9457), or that it could not be asked at all: then `status` is 0. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail for people
   * @param {FieldError[]} [fields] which fields were refused, and why
   */
  constructor(status, code, detail, fields = []) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.fields = fields;
  }
}

/**
 * Sends one request to the origin that the console came from.
 *
 * @param {string} path
 * @param {Sending} [sending]
 * @returns {Promise<any>} the answer's JSON; null when it has no body
 * @throws {Problem}
 */
export async function send(path, { method = 'GET', body, access, signal } = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  /** @type {Response} */
  let response;
  /** @type {string} */
  let text;
  try {
    response = await fetch(path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(access && { authorization: `Bearer ${access}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      cache: 'no-store',
    });
    text = await response.text();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw unreachable();
  }
  const answer = parse(text);
  if (response.ok && answer !== undefined) return answer;
  throw problemOf(response.status, answer);
}

/** @param {string} text */
function parse(text) {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * @param {number} status
 * @param {any} answer not necessarily ours: something between may have answered
 */
function problemOf(status, answer) {
  const detail = typeof answer?.detail === 'string' ? answer.detail : undefined;
  const reference = typeof answer?.request_id === 'string' ? ` (reference ${answer.request_id})` : '';
  return new Problem(
    status,
    typeof answer?.code === 'string' ? answer.code : 'unexpected_answer',
    detail ? detail + reference : `Celeriac answered ${status}, which the console does not understand.`,
    Array.isArray(answer?.errors) ? answer.errors : [],
  );
}

function unreachable() {
  return new Problem(0, 'unreachable', 'Celeriac cannot be reached. Check your connection, then try again.');
}
