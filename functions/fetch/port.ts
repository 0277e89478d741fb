/** One outbound request. Everything that bounds it has a default. */
export interface FetchRequest {
  /** `http:` or `https:`, without credentials. */
  readonly url: string;
  /** Default `GET`. */
  readonly method?: FetchMethod;
  /** One value per name, in any case. `host` and what describes the connection or the body's framing are refused. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Stops the request; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** For everything together: names, connections, redirects, body. Default 30. */
  readonly timeoutSeconds?: number;
  /**
   * Bytes of the body after decompression. Default 65,536. All that comes over the wire (headers, framing, redirects)
   * may be twice that and 512 KiB more; the request then fails with `too_large`, whatever `overflow` says.
   */
  readonly maxBytes?: number;
  /** For whom it is sent: an organization's lookups of names are bounded. By default all such requests count together. */
  readonly organizationId?: string;
  /**
   * What happens to a body that is longer, or whose compression is broken: `refuse` throws `too_large` or `encoding`,
   * `truncate` keeps the beginning. Default `refuse`.
   */
  readonly overflow?: 'refuse' | 'truncate';
  /**
   * Default true: at most three, each checked like the first address. 303 leads to a GET; 307, 308, and 301 and 302 of
   * other methods than POST, repeat the request. A POST that is answered with 301 or 302 is not followed: the request
   * would arrive as a GET, without its body.
   */
  readonly followRedirects?: boolean;
  /** Called before a redirect is followed; what it throws ends the request. */
  readonly beforeRedirect?: (to: URL) => Promise<void>;
}

export type FetchMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request as it was sent, and how it was answered. */
export interface SentRequest {
  readonly method: FetchMethod;
  readonly url: string;
  readonly status: number;
}

/**
 * Why a body could not be decoded to its end: it ends too early, its compression is broken, or it is compressed in a
 * way that nobody asked for; then the bytes are those that came.
 */
export type BodyDamage = 'incomplete' | 'corrupt' | 'unknown_encoding';

export interface FetchResponse {
  /** Where the answer came from, after redirects. */
  readonly url: string;
  /** The method of the request that was answered: `GET` after a 303. */
  readonly method: FetchMethod;
  readonly status: number;
  /** Names in lower case; several values of one name joined by `, `. Without a prototype. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Uint8Array;
  /** `overflow: 'truncate'` has kept only the beginning. */
  readonly truncated: boolean;
  /** Only with `overflow: 'truncate'`. */
  readonly damage?: BodyDamage;
  /** How many redirects were followed, 0 to 3. */
  readonly redirects: number;
  /** Every request that was sent, in order; the last one is the one that was answered. */
  readonly sent: readonly SentRequest[];
}

/**
 * Sends a request to the internet, and to nowhere else. Any status is an answer, not an error.
 *
 * @throws FetchError when there is no answer, or it may not be had
 */
export type GuardedFetch = (request: FetchRequest) => Promise<FetchResponse>;
