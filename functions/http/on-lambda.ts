import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import type { App } from './app/app.ts';
import { withinLimit } from './within-limit.ts';

/** Methods that the Fetch standard forbids: a `Request` with one of them cannot be made. */
const FORBIDDEN = new Set(['TRACE', 'TRACK', 'CONNECT']);

/** Replaces a forbidden method. No route has this method, so the answer is the same: 404 or 405. */
const STAND_IN = 'OPTIONS';

/** Returns the Lambda handler of an application. Its answers are within Lambda's limit. */
export function onLambda(app: App) {
  const respond = handle(app);
  return async (event: LambdaEvent, context: LambdaContext) =>
    withinLimit(await respond(asRequest(event), context));
}

/**
 * Returns an event from which a `Request` can be made. Leaves out the body of a GET, because the Fetch standard forbids
 * it. `Content-Length` still shows that there was a body, even if it was sent in chunks, so the application refuses it.
 */
function asRequest(event: LambdaEvent): LambdaEvent {
  const { requestContext } = event;
  if (!('http' in requestContext)) return event;
  const method = requestContext.http.method.toUpperCase();
  if (method === 'GET' || method === 'HEAD') {
    const bytes = Buffer.byteLength(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
    const headers = bytes > 0 ? { ...event.headers, 'content-length': String(bytes) } : event.headers;
    return { ...event, headers, body: null } as LambdaEvent;
  }
  if (!FORBIDDEN.has(method)) return event;
  const http = { ...requestContext.http, method: STAND_IN };
  return { ...event, requestContext: { ...requestContext, http } } as LambdaEvent;
}
