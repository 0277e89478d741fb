import type { IncomingMessage } from 'node:http';
import { createContext, runInContext } from 'node:vm';
import { clientAddress } from '../api-gateway/http-api.ts';
import type { HttpAnswer } from '../http/http-answer.ts';
import { splitOnce } from '../http/http-text.ts';

type Value = { value: string; multiValue?: { value: string }[] };
type Values = Record<string, Value>;

/** A request as a CloudFront Function receives and returns it. The query stays encoded as it was received. */
interface ViewerEvent {
  uri: string;
  querystring: Values;
  headers: Values;
}

/** An answer that a CloudFront Function returns instead of a request. */
interface EdgeAnswer {
  statusCode: number;
  headers?: Record<string, { value: string }>;
  body?: string;
}

/** The parts of a request that a function at the edge reads. */
export type Viewed = Pick<IncomingMessage, 'url' | 'method' | 'headersDistinct'> & {
  socket: { remoteAddress?: string | undefined };
};

/** Result of a function at the edge: the rewritten URL with the headers that the function has set, or an answer. */
export type Seen =
  | { readonly url: string; readonly headers: Readonly<Record<string, string>> }
  | { readonly answer: HttpAnswer };

/**
 * Emulates a CloudFront Function on viewer requests. The function runs in its own context, because a function at the
 * edge has only the language.
 *
 * @param code declares `handler(event)`
 * @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
 */
export function viewerRequest(code: string): (request: Viewed) => Seen {
  const run: (event: string) => string = runInContext(
    `${code}\n(event) => JSON.stringify(handler(JSON.parse(event)))`,
    createContext(),
  );
  return ({ url = '/', method = 'GET', headersDistinct, socket }) => {
    const [uri = '', query = ''] = splitOnce(url, '?');
    const querystring = parsedQuery(query);
    const { cookie, ...headers } = headersDistinct;
    const cookies = valuesOf(
      (cookie ?? []).flatMap((line) => line.split(/;\s*/)).map((each) => splitOnce(each, '=')),
    );
    const given = valuesOf(headerLines(headers));
    const request = { method, uri, querystring, cookies, headers: given };
    const viewer = { ip: clientAddress({ socket }) };
    const event = { version: '1.0', viewer, request };
    const result: ViewerEvent | EdgeAnswer = JSON.parse(run(JSON.stringify(event)));
    if ('statusCode' in result) return { answer: answerOf(result) };
    const set = Object.entries(result.headers).filter(
      ([name, header]) => JSON.stringify(header) !== JSON.stringify(given[name]),
    );
    const same = JSON.stringify(result.querystring) === JSON.stringify(querystring);
    const rewritten = same ? query : writtenQuery(result.querystring);
    return {
      url: rewritten === '' ? result.uri : `${result.uri}?${rewritten}`,
      headers: Object.fromEntries(set.map(([name, { value }]) => [name, value])),
    };
  };
}

function answerOf({ statusCode, headers = {}, body = '' }: EdgeAnswer): HttpAnswer {
  const named = Object.entries(headers).map(([name, { value }]) => [name, value]);
  return { status: statusCode, headers: Object.fromEntries(named), body };
}

function headerLines(headers: NodeJS.Dict<string[]>): [string, string][] {
  return Object.entries(headers).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
}

const parsedQuery = (query: string): Values =>
  valuesOf(
    query
      .split('&')
      .filter(Boolean)
      .map((part) => splitOnce(part, '=')),
  );

function writtenQuery(values: Values): string {
  const parts = Object.entries(values).flatMap(([name, { value, multiValue }]) =>
    (multiValue ?? [{ value }]).map((each) => (each.value === '' ? name : `${name}=${each.value}`)),
  );
  return parts.join('&');
}

/**
 * Converts pairs to CloudFront's form. The result has no prototype, because a client may name a parameter `__proto__`.
 */
function valuesOf(pairs: readonly [string, string][]): Values {
  const result: Values = Object.create(null);
  for (const [name, value] of pairs) {
    const before = result[name];
    result[name] = before
      ? { value: before.value, multiValue: [...(before.multiValue ?? [{ value: before.value }]), { value }] }
      : { value };
  }
  return result;
}
