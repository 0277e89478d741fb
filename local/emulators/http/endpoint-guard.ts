import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Names of this machine itself, as `Host` has them. */
const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Whether `Host` names this machine. A page of the web may have its own name resolve to it (DNS rebinding), and would be named here. */
export function namesThisMachine(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = URL.parse(`http://${host}`)?.hostname ?? '';
  return LOOPBACK_NAMES.has(name) || name.endsWith('.localhost');
}

/** Guards an emulator's address against everybody but the functions of this start. */
export interface EndpointGuard {
  /** Begins with a slash. It belongs to the address that the functions are given, and is random at each start. */
  readonly path: string;
  /**
   * Takes the secret off a request's path. Answers by 403 what does not have it, what names another host, and what comes from a page
   * in a browser.
   *
   * @returns whether the request may be answered
   */
  admits(request: IncomingMessage, response: ServerResponse): boolean;
}

/**
 * A secret path costs a request nothing; a signature would cost ten times what an emulator does for it. An access key could not
 * stand for it: every presigned address of S3 shows the key.
 */
export function endpointGuard(): EndpointGuard {
  const path = `/${randomBytes(24).toString('base64url')}`;
  return {
    path,
    admits: (request, response) => {
      const { url = '/', headers } = request;
      const isOurs = url.startsWith(`${path}/`) || url === path;
      if (isOurs && headers.origin === undefined && namesThisMachine(headers.host)) {
        request.url = url.slice(path.length) || '/';
        return true;
      }
      request.resume();
      response.writeHead(403, { connection: 'close' }).end();
      return false;
    },
  };
}
