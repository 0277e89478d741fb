import { readFile, realpath } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join, sep } from 'node:path';
import { getMimeType, mimes } from 'hono/utils/mime';
import type { ErrorPageSpec } from '../../template/deployment.ts';
import type { HttpAnswer } from '../http/http-answer.ts';

/** Content types by file extension. Error pages are problem documents. */
const CONTENT_TYPES = { ...mimes, problem: 'application/problem+json' };

/** Locally the console's WebSocket is on another port, and therefore on another origin. */
const LOCAL_SOCKETS = "connect-src 'self' ws://localhost:* ws://127.0.0.1:*";

/** The directory of the console. */
export const CONSOLE = join(import.meta.dirname, '..', '..', '..', 'console');

/**
 * Serves the files below `root`. A directory serves its `index.html`.
 *
 * @param deployed headers that the deployed front door adds to files
 */
export function fileServer(root: string, deployed: Readonly<Record<string, string>>) {
  const always = Object.fromEntries(
    Object.entries(deployed).map(([name, value]) => [
      name,
      value.replace("connect-src 'self'", LOCAL_SOCKETS),
    ]),
  );
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = (status: number, headers: Record<string, string>, body: Buffer | string) => {
      response.writeHead(status, {
        ...always,
        'cache-control': 'no-cache',
        ...headers,
        'content-length': Buffer.byteLength(body),
      });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const plain = { 'content-type': 'text/plain; charset=utf-8' };
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return answer(405, { ...plain, allow: 'GET, HEAD' }, 'Method Not Allowed\n');
    }
    const file = await fileBelow(root, request.url ?? '/');
    const content = file && (await readFile(file).catch(() => undefined));
    if (!file || !content) return answer(404, plain, 'Not Found\n');
    const type = getMimeType(file, CONTENT_TYPES) ?? 'application/octet-stream';
    answer(200, { 'content-type': type }, content);
  };
}

/** Reads the error pages below `root`, by the status that each replaces. */
export async function readErrorPages(
  root: string,
  pages: readonly ErrorPageSpec[],
): Promise<ReadonlyMap<number, HttpAnswer>> {
  const read = async ({ status, responseStatus, path }: ErrorPageSpec): Promise<[number, HttpAnswer]> => {
    const headers = {
      'content-type': getMimeType(path, CONTENT_TYPES),
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    };
    return [status, { status: responseStatus, headers, body: await readFile(join(root, path)) }];
  };
  return new Map(await Promise.all(pages.map(read)));
}

/** Returns the file for a URL. Undefined for a hidden file, and for a file outside `root`, also through a link. */
async function fileBelow(root: string, url: string): Promise<string | undefined> {
  try {
    const path = decodeURIComponent(url.split('?')[0] ?? '/');
    if (path.includes('\0') || path.split('/').some((part) => part.startsWith('.'))) return undefined;
    const [realRoot, file] = await Promise.all([
      realpath(root),
      realpath(join(root, path.endsWith('/') ? `${path}index.html` : path)),
    ]);
    return file.startsWith(realRoot + sep) ? file : undefined;
  } catch {
    return undefined;
  }
}
