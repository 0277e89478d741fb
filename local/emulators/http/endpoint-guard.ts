import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Host names of this machine. */
const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

/**
 * Returns true when `Host` names this machine. By DNS rebinding a web page may resolve its own name to this machine;
 * that name would then be the `Host`.
 */
export function namesThisMachine(host: string | undefined): boolean {
  if (host === undefined) return false;
  const name = URL.parse(`http://${host}`)?.hostname ?? '';
  return LOOPBACK_NAMES.has(name) || name.endsWith('.localhost');
}

/** Guards an emulator's address against everything except the functions of this start. */
export interface EndpointGuard {
  /** A secret path that begins with a slash, random at each start. It is part of the address that the functions get. */
  readonly path: string;
  /**
   * Removes the secret from a request's path. Answers 403 to a request without the secret, with another host's name, or
   * from a page in a browser.
   *
   * @returns true when the request may be answered
   */
  admits(request: IncomingMessage, response: ServerResponse): boolean;
}

/**
 * A secret path costs a request nothing; a signature would cost ten times the emulator's own work. An access key cannot
 * replace the path, because every presigned S3 URL shows the key.
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
