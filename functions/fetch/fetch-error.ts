/**
 * Reasons for a missing answer.
 *
 * `isRetryable: false` means that the cause is the request itself or the server's content, so another try would fail too.
 */
export const FETCH_FAILURES = {
  url_invalid: { isRetryable: false, meaning: 'not an absolute http or https URL, or one with credentials' },
  header_refused: { isRetryable: false, meaning: 'a header that may not be set, or that is malformed' },
  port_refused: { isRetryable: false, meaning: 'a port of a protocol other than HTTP' },
  address_refused: {
    isRetryable: false,
    meaning: 'the host is, or resolves to, an address that is not public',
  },
  redirect_limit: { isRetryable: false, meaning: 'more than three redirects' },
  redirect_refused: { isRetryable: false, meaning: 'a redirect to no URL, or from https to http' },
  too_large: {
    isRetryable: false,
    meaning: 'the body, or the answer with its headers and framing, is longer than allowed',
  },
  encoding: {
    isRetryable: false,
    meaning: 'the body is compressed in a way that is unknown or broken, and only a whole one will do',
  },
  tls: { isRetryable: true, meaning: 'the certificate or the TLS handshake is not acceptable' },
  dns: { isRetryable: true, meaning: 'the name cannot be resolved' },
  timeout: { isRetryable: true, meaning: 'no complete answer in the time allowed' },
  network: { isRetryable: true, meaning: 'no connection, or it broke, or what came is not HTTP' },
} as const satisfies Record<string, { isRetryable: boolean; meaning: string }>;

export type FetchFailure = keyof typeof FETCH_FAILURES;

/** Thrown when there is no answer. `code` is one of {@link FETCH_FAILURES}. */
export class FetchError extends Error {
  readonly code: FetchFailure;

  constructor(code: FetchFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FetchError';
    this.code = code;
  }
}
