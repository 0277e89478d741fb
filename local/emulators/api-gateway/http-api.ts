import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { RouteSpec } from '../../template/deployment.ts';
import { ACCOUNT } from '../../template/physical.ts';
import type { HttpAnswer } from '../http/http-answer.ts';
import { splitOnce } from '../http/http-text.ts';
import { type Lambda, LambdaRefusal } from '../lambda/lambda.ts';
import { httpRouter, type RouteMatch } from './http-routes.ts';

/** API Gateway's limit for a body, in bytes. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** API Gateway's limit for the request line and the headers, in bytes. */
const MAX_HEAD_BYTES = 10_240;

/** API Gateway's time limit for an integration. */
const INTEGRATION_TIMEOUT_MS = 30_000;

/** Content types whose body arrives as text. Every other body arrives in Base64. */
const TEXT_TYPES = /^(text\/|application\/(json|xml|javascript)\b)/i;

/** Headers that are valid for one connection only, or that the server sets itself. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'content-length']);

interface FunctionResponse {
  statusCode?: unknown;
  headers?: Record<string, unknown>;
  cookies?: string[];
  body?: unknown;
  isBase64Encoded?: boolean;
}

/**
 * Emulates an API Gateway HTTP API with Lambda integrations of payload format 2.0.
 *
 * @returns a request handler. It answers failures in API Gateway's form and never rejects.
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export function httpApi(options: { routes: readonly RouteSpec[]; lambda: Pick<Lambda, 'invoke'> }) {
  const { routes, lambda } = options;
  const route = httpRouter(routes);

  async function answer(request: IncomingMessage, requestId: string): Promise<HttpAnswer> {
    const refuse = (status: number, message: string) => {
      request.resume();
      return refusal(status, message);
    };
    if (headBytes(request) > MAX_HEAD_BYTES) return refuse(431, 'Request Header Fields Too Large');
    const [rawPath = '', rawQueryString = ''] = splitOnce(request.url ?? '/', '?');
    const path = decodedPath(rawPath);
    if (path === undefined) return refuse(400, 'Bad Request');
    const match = route(request.method ?? 'GET', path);
    if (!match) return refuse(404, 'Not Found');
    const body = await readBody(request);
    if (!body) return refuse(413, 'Request Entity Too Large');

    const event = httpEvent(request, { requestId, path, rawQueryString, match, body });
    const outcome = await inTime(lambda.invoke(match.route.functionName, JSON.stringify(event)));
    if (!outcome) return refusal(503, 'Service Unavailable');
    const result = outcome.functionError ? undefined : functionResponse(JSON.parse(outcome.payload));
    return result ?? refusal(500, 'Internal Server Error');
  }

  return async (request: IncomingMessage): Promise<HttpAnswer> => {
    const requestId = randomUUID();
    const { status, headers, body } = await answer(request, requestId).catch(refusalOf);
    return { status, headers: { 'apigw-requestid': requestId, ...headers }, body };
  };
}

/** Returns an answer that API Gateway gives without calling a function. */
function refusal(status: number, message: string): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message }) };
}

function refusalOf(error: unknown): HttpAnswer {
  if (!(error instanceof LambdaRefusal)) return refusal(500, 'Internal Server Error');
  if (error.code === 'TooManyRequestsException') return refusal(503, 'Service Unavailable');
  if (error.code === 'RequestTooLargeException') return refusal(413, 'Request Entity Too Large');
  return refusal(500, 'Internal Server Error');
}

/** Returns the bytes of the request line and the headers, as they were received. */
function headBytes({ method = '', url = '', rawHeaders }: IncomingMessage): number {
  const line = `${method} ${url} HTTP/1.1\r\n`.length;
  // A colon and a space follow each name; a line end follows each value.
  return rawHeaders.reduce((bytes, part) => bytes + part.length + 2, line);
}

/** Builds the event that a function receives for a request. */
function httpEvent(
  request: IncomingMessage,
  parts: { requestId: string; path: string; rawQueryString: string; match: RouteMatch; body: Buffer },
) {
  const { requestId, path, rawQueryString, match, body } = parts;
  const { cookie, ...headers } = joinedHeaders(request.headersDistinct);
  const domainName = domainNameOf(headers.host);
  const isText = TEXT_TYPES.test(headers['content-type'] ?? '');
  const now = new Date();
  return {
    version: '2.0',
    routeKey: match.route.routeKey,
    rawPath: path,
    rawQueryString,
    ...(cookie ? { cookies: cookie.split(/;\s*/) } : {}),
    headers: {
      ...headers,
      'x-amzn-trace-id': `Root=1-${Math.floor(now.getTime() / 1000).toString(16)}-${requestId.replaceAll('-', '').slice(0, 24)}`,
      'x-forwarded-for': [headers['x-forwarded-for'], clientAddress(request)].filter(Boolean).join(', '),
      'x-forwarded-port': headers['x-forwarded-port'] ?? String(request.socket.localPort),
      'x-forwarded-proto': headers['x-forwarded-proto'] ?? 'http',
    },
    ...(rawQueryString ? { queryStringParameters: joinedQuery(rawQueryString) } : {}),
    requestContext: {
      accountId: ACCOUNT,
      apiId: 'local',
      domainName,
      domainPrefix: domainName.split('.')[0],
      http: {
        method: request.method,
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: clientAddress(request),
        userAgent: headers['user-agent'] ?? '',
      },
      requestId,
      routeKey: match.route.routeKey,
      stage: '$default',
      time: accessLogTime(now),
      timeEpoch: now.getTime(),
    },
    ...(Object.keys(match.pathParameters).length ? { pathParameters: match.pathParameters } : {}),
    ...(body.length ? { body: body.toString(isText ? 'utf8' : 'base64') } : {}),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

/** Converts a function's result to a response. Returns undefined when the status code is invalid. */
function functionResponse(result: unknown): HttpAnswer | undefined {
  const isResponse = result !== null && typeof result === 'object' && 'statusCode' in result;
  const response: FunctionResponse = isResponse
    ? result
    : {
        statusCode: 200,
        headers: { 'content-type': 'application/json' },
        body: typeof result === 'string' ? result : JSON.stringify(result),
      };
  const status = Number(response.statusCode);
  if (!Number.isInteger(status) || status < 100 || status > 599) return undefined;
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(response.headers ?? {})) {
    if (!HOP_BY_HOP.has(name.toLowerCase())) headers[name.toLowerCase()] = String(value);
  }
  if (response.cookies?.length) headers['set-cookie'] = response.cookies;
  const text = response.body === undefined || response.body === null ? '' : String(response.body);
  const body = Buffer.from(text, response.isBase64Encoded ? 'base64' : 'utf8');
  return { status, headers, body };
}

/** Resolves to undefined when the integration exceeds its time limit. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, INTEGRATION_TIMEOUT_MS, undefined);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}

/** Reads the whole body. Returns undefined when it is too large; the rest is then read and dropped. */
function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
      else resolve(undefined);
    });
    request.once('end', () => resolve(bytes <= MAX_BODY_BYTES ? Buffer.concat(chunks) : undefined));
    request.once('error', reject);
    request.once('close', () => reject(new Error('the client went away')));
  });
}

/**
 * Decodes a path like API Gateway, which drops everything after a decoded question mark.
 *
 * @returns undefined when the path is not validly encoded
 */
function decodedPath(rawPath: string): string | undefined {
  try {
    return decodeURIComponent(rawPath).split('?')[0];
  } catch {
    return undefined;
  }
}

/** Returns the host name without its port. An IPv6 address keeps its brackets. */
function domainNameOf(host: string | undefined): string {
  return (host !== undefined && URL.parse(`http://${host}`)?.hostname) || 'localhost';
}

/** Joins several values of one header with commas (cookies with semicolons). Names are in lower case. */
export function joinedHeaders(distinct: NodeJS.Dict<string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(distinct).map(([name, values = []]) => [
      name,
      values.join(name === 'cookie' ? '; ' : ','),
    ]),
  );
}

function joinedQuery(rawQueryString: string): Record<string, string> {
  const query = new URLSearchParams(rawQueryString);
  return Object.fromEntries(Array.from(query.keys(), (name) => [name, query.getAll(name).join(',')]));
}

/** Returns the client's address; an IPv4 address without the IPv6 prefix. */
export function clientAddress(request: { socket: { remoteAddress?: string | undefined } }): string {
  return (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
}

/** Formats a time as `12/Mar/2020:19:03:58 +0000`, in UTC. */
export function accessLogTime(time: Date): string {
  const [, day, month, year, clock] = time.toUTCString().split(' ');
  return `${day}/${month}/${year}:${clock} +0000`;
}
