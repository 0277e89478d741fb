import { runInNewContext } from 'node:vm';

/** A request as a CloudFront Function gets and returns it; what is in the query is encoded as it came. */
interface ViewerRequest {
  uri: string;
  querystring: Record<string, { value: string; multiValue?: { value: string }[] }>;
}

/** Milliseconds; CloudFront gives far less. */
const TIME_LIMIT = 1_000;

/**
 * The emulator of a CloudFront Function on viewer requests, for the address of a WebSocket. It runs apart from
 * everything here: a function at the edge has nothing but the language.
 *
 * @param code declares `handler(event)`
 * @returns a function from a path with its query to what is sent on; to undefined when the function answers by itself
 * @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
 */
export function webSocketPath(code: string): (url: string) => string | undefined {
  return (url) => {
    const [uri = '', query = ''] = split(url);
    const event = {
      version: '1.0',
      request: { method: 'GET', uri, querystring: parsed(query), headers: {} },
    };
    const result = runInNewContext(`${code}\nJSON.stringify(handler(${JSON.stringify(event)}))`, undefined, {
      timeout: TIME_LIMIT,
    });
    const answer: ViewerRequest | { statusCode: number } = JSON.parse(result);
    if ('statusCode' in answer) return undefined;
    const parts = Object.entries(answer.querystring).flatMap(([name, { value, multiValue }]) =>
      (multiValue ?? [{ value }]).map((each) => (each.value === '' ? name : `${name}=${each.value}`)),
    );
    return parts.length > 0 ? `${answer.uri}?${parts.join('&')}` : answer.uri;
  };
}

function parsed(query: string): ViewerRequest['querystring'] {
  const result: ViewerRequest['querystring'] = {};
  for (const part of query.split('&').filter(Boolean)) {
    const [name = '', value = ''] = split(part, '=');
    const before = result[name];
    if (!before) result[name] = { value };
    else
      result[name] = {
        value: before.value,
        multiValue: [...(before.multiValue ?? [{ value: before.value }]), { value }],
      };
  }
  return result;
}

function split(text: string, separator = '?'): [string, string] {
  const position = text.indexOf(separator);
  return position < 0 ? [text, ''] : [text.slice(0, position), text.slice(position + 1)];
}
