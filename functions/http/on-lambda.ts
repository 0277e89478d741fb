import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import type { App } from './app/app.ts';

/** Methods that the Fetch standard forbids: a `Request` with one of them cannot be made. */
const FORBIDDEN = new Set(['TRACE', 'TRACK', 'CONNECT']);

/** No route has this method either, so that a forbidden method gets the answer that it would get: 404 or 405. */
const STAND_IN = 'OPTIONS';

/** The Lambda handler of an application. */
export function onLambda(app: App) {
  const respond = handle(app);
  return (event: LambdaEvent, context: LambdaContext) => respond(asRequest(event), context);
}

/**
 * An event that a `Request` can be made of. The body of a GET is left out, as the Fetch standard forbids it, too.
 * `Content-Length` tells of it, also when it was sent in chunks, and so the application refuses it.
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
