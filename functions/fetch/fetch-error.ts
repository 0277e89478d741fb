/**
 * Reasons for a missing answer.
 *
 * `again: false` means that the cause is the request itself or the server's content, so another try would fail too.
 */
export const FETCH_FAILURES = {
  url_invalid: { again: false, meaning: 'not an absolute http or https URL, or one with credentials' },
  header_refused: { again: false, meaning: 'a header that may not be set, or that is malformed' },
  port_refused: { again: false, meaning: 'a port of a protocol other than HTTP' },
  address_refused: { again: false, meaning: 'the host is, or resolves to, an address that is not public' },
  redirect_limit: { again: false, meaning: 'more than three redirects' },
  redirect_refused: { again: false, meaning: 'a redirect to no URL, or from https to http' },
  too_large: {
    again: false,
    meaning: 'the body, or the answer with its headers and framing, is longer than allowed',
  },
  encoding: {
    again: false,
    meaning: 'the body is compressed in a way that is unknown or broken, and only a whole one will do',
  },
  tls: { again: true, meaning: 'the certificate or the TLS handshake is not acceptable' },
  dns: { again: true, meaning: 'the name cannot be resolved' },
  timeout: { again: true, meaning: 'no complete answer in the time allowed' },
  network: { again: true, meaning: 'no connection, or it broke, or what came is not HTTP' },
} as const satisfies Record<string, { again: boolean; meaning: string }>;

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
