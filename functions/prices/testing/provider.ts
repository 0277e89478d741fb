import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The stand-in's answer for one asset: JSON texts by member name, so that every digit is sent exactly as written here. */
type Quote = Record<string, string>;

/** Answers one request. `answer` is the answer of an honest provider. */
type Behaviour = (response: ServerResponse, answer: string, request: IncomingMessage) => void;

const send =
  (status: number, body: string, headers: Record<string, string> = {}): Behaviour =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };

/** The behaviours of a provider, good and bad. */
const BEHAVIOURS = {
  honest: (response, answer) => send(200, answer)(response, answer, response.req),
  down: (response) => response.destroy(),
  silent: () => {},
  dripping: (response, answer) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(answer.slice(0, 10));
  },
  cut_off: (response, answer) => {
    response.writeHead(200, { 'content-length': Buffer.byteLength(answer) });
    response.write(answer.slice(0, 20), () => response.destroy());
  },
  truncated: (response, answer) => send(200, answer.slice(0, -5))(response, answer, response.req),
  rate_limited: send(429, '{"status":{"error_code":429,"error_message":"Slow down"}}'),
  rate_limited_briefly: send(429, '{}', { 'retry-after': '2' }),
  rate_limited_long: send(429, '{}', { 'retry-after': '3600' }),
  broken: send(500, '{"error":"Internal Server Error"}'),
  unavailable: send(503, '<html>Service Unavailable</html>', { 'content-type': 'text/html' }),
  key_refused: send(401, '{"status":{"error_code":10002,"error_message":"API Key Missing"}}'),
  html: send(200, '<!doctype html><title>One moment</title>', { 'content-type': 'text/html' }),
  empty: send(200, ''),
  no_content: send(204, ''),
  list: send(200, '[{"bitcoin":{"usd":1}}]'),
  text: send(200, '"bitcoin"'),
  nothing: send(200, '{}'),
  not_a_number: send(200, '{"bitcoin":{"usd":NaN,"last_updated_at":1711356300}}'),
  twice: send(200, '{"bitcoin":{"usd":1},"bitcoin":{"usd":2}}'),
  deep: send(200, '['.repeat(500_000)),
  huge: send(200, `{"a":"${'x'.repeat(5_000_000)}"}`),
  redirecting: (response, answer, request) =>
    request.url?.includes('redirected')
      ? send(200, answer)(response, answer, request)
      : send(302, '', { location: `${request.url}&redirected=1` })(response, answer, request),
} satisfies Record<string, Behaviour>;

export type BehaviourName = keyof typeof BEHAVIOURS;

/** A price provider on loopback. It answers as CoinGecko documents, or misbehaves as the test orders. */
export type StandInProvider = {
  /** Value for PRICE_PROVIDER_URL. */
  readonly url: string;
  /** The requests so far, oldest first. */
  readonly requests: { url: URL; headers: IncomingMessage['headers'] }[];
  /**
   * Quotes by asset, which a test may change at any time. A quote without `last_updated_at` gets the current second.
   * Starts with bitcoin and ethereum in usd and eur.
   */
  readonly quotes: Map<string, Quote>;
  /** Sets the behaviours for the next requests, one after the other. The last behaviour stays for all later requests. */
  behave(...names: BehaviourName[]): void;
  close(): Promise<void>;
};

const QUOTES: Record<string, Quote> = {
  bitcoin: {
    usd: '67187.3358936566',
    usd_24h_change: '3.637278946773539',
    eur: '61836.8',
    eur_24h_change: '-0.25',
  },
  ethereum: { usd: '3475.39', usd_24h_change: '2.1', eur: '3198.62', eur_24h_change: 'null' },
};

/** Starts a provider. @param port 0 for a free port */
export async function startProvider(port = 0): Promise<StandInProvider> {
  const requests: StandInProvider['requests'] = [];
  const quotes = new Map(Object.entries(QUOTES));
  let script: BehaviourName[] = ['honest'];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://provider.invalid');
    requests.push({ url, headers: request.headers });
    const name = (script.length > 1 ? script.shift() : script[0]) ?? 'honest';
    BEHAVIOURS[name](response, answerTo(url, quotes), request);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v3`,
    requests,
    quotes,
    behave: (...names) => {
      script = names;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Returns the answer of an honest provider: only requested pairs, and nothing for unknown ids. */
function answerTo({ searchParams }: URL, quotes: ReadonlyMap<string, Quote>): string {
  const currencies = new Set((searchParams.get('vs_currencies') ?? '').split(','));
  const entries = (searchParams.get('ids') ?? '').split(',').flatMap((asset) => {
    const quote = quotes.get(asset);
    if (!quote) return [];
    const members = Object.entries({ last_updated_at: String(Math.floor(Date.now() / 1000)), ...quote })
      .filter(([name]) => name === 'last_updated_at' || currencies.has(name.replace('_24h_change', '')))
      .map(([name, text]) => `${JSON.stringify(name)}:${text}`);
    return [`${JSON.stringify(asset)}:{${members.join(',')}}`];
  });
  return `{${entries.join(',')}}`;
}
