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
  /** Of the body after decompression; on the wire it may be a kilobyte longer. Default 65,536. */
  readonly maxBytes?: number;
  /** What happens to a longer body: `refuse` throws `too_large`, `truncate` keeps the beginning. Default `refuse`. */
  readonly overflow?: 'refuse' | 'truncate';
  /** Default true: at most three, each checked like the first address. */
  readonly followRedirects?: boolean;
}

export type FetchMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface FetchResponse {
  /** Where the answer came from, after redirects. */
  readonly url: string;
  readonly status: number;
  /** Names in lower case; several values of one name joined by `, `. Without a prototype. */
  readonly headers: Readonly<Record<string, string>>;
  /** Decompressed. */
  readonly body: Uint8Array;
  /** The body went on, but `overflow: 'truncate'` cut it. */
  readonly truncated: boolean;
  /** How many were followed, 0 to 3. */
  readonly redirects: number;
}

/**
 * Sends a request to the internet, and to nowhere else. Any status is an answer, not an error.
 *
 * @throws FetchError when there is no answer, or it may not be had
 */
export type GuardedFetch = (request: FetchRequest) => Promise<FetchResponse>;
