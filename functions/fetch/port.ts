/** One outbound request. All limits have defaults. */
export interface FetchRequest {
  /** `http:` or `https:`, without credentials. */
  readonly url: string;
  /** Default `GET`. */
  readonly method?: FetchMethod;
  /** One value per name, in any case. `host` and headers that describe the connection or the body's framing are refused. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Stops the request; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Limit for the whole request: name lookups, connections, redirects, body. Default 30. */
  readonly timeoutSeconds?: number;
  /**
   * Maximum bytes of the body after decompression. Default 65,536. All bytes on the wire together (headers, framing,
   * redirects) may be twice this limit plus 512 KiB. Beyond that, the request fails with `too_large`, whatever `overflow`
   * says.
   */
  readonly maxBytes?: number;
  /**
   * Organization that sends the request. Name lookups are bounded for each organization. Requests without one share one
   * bound.
   */
  readonly organizationId?: string;
  /**
   * Treatment of a body that is too long, or whose compression is broken. `refuse` throws `too_large` or `encoding`;
   * `truncate` keeps the beginning. Default `refuse`.
   */
  readonly overflow?: 'refuse' | 'truncate';
  /**
   * Default true: follows at most three redirects, and checks each address like the first one. A 303 leads to a GET. A
   * 307 or 308, and a 301 or 302 to a method other than POST, repeat the request. A POST that is answered with 301 or 302
   * is not followed: the request would arrive as a GET, without its body.
   */
  readonly followRedirects?: boolean;
  /** Called before a redirect is followed. An error that it throws ends the request. */
  readonly beforeRedirect?: (to: URL) => Promise<void>;
}

export type FetchMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request as it was sent, with the status of its answer. */
export interface SentRequest {
  readonly method: FetchMethod;
  readonly url: string;
  readonly status: number;
}

/**
 * Reason why a body could not be decoded completely: it ends too early, its compression is broken, or it has an encoding
 * that was not requested. In the last case, the body holds the bytes as they arrived.
 */
export type BodyDamage = 'incomplete' | 'corrupt' | 'unknown_encoding';

export interface FetchResponse {
  /** URL that answered, after redirects. */
  readonly url: string;
  /** The method of the request that was answered: `GET` after a 303. */
  readonly method: FetchMethod;
  readonly status: number;
  /** Names in lower case. Several values of one name are joined by `, `. The object has no prototype. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Uint8Array;
  /** True when `overflow: 'truncate'` kept only the beginning. */
  readonly truncated: boolean;
  /** Set only with `overflow: 'truncate'`. */
  readonly damage?: BodyDamage;
  /** Number of redirects that were followed, 0 to 3. */
  readonly redirects: number;
  /** Every request that was sent, in order. The last one is the request that was answered. */
  readonly sent: readonly SentRequest[];
}

/**
 * Sends a request to the internet, and to nowhere else. Any status is an answer, not an error.
 *
 * @throws FetchError when there is no answer, or when the answer breaks a limit
 */
export type GuardedFetch = (request: FetchRequest) => Promise<FetchResponse>;
