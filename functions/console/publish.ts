import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';

/** Stores a file where the front door finds it, under its path without a leading slash. */
export type PutFile = (file: {
  path: string;
  content: Buffer;
  contentType: string;
  cacheControl: string;
}) => Promise<void>;

const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.problem': 'application/problem+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

/** Stored last, because it names the other files: it must never name a file that is not stored yet. */
const ENTRANCE = 'index.html';

/**
 * Publishes every file below `root`. Files keep their names between versions, so browsers must ask each time whether a
 * file has changed. Files that are no longer below `root` stay published: a page that was opened before may still request
 * them.
 *
 * @returns the number of published files
 * @throws Error for a file type that is not known here, because the file needs a content type
 */
export async function publish(root: string, put: PutFile): Promise<number> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
  const files = paths.map((path) => {
    const contentType = CONTENT_TYPES[extname(path)];
    if (!contentType) throw new Error(`The console has a file of an unknown kind: ${path}`);
    return { path, contentType };
  });
  const send = async ({ path, contentType }: (typeof files)[number]) =>
    put({ path, contentType, content: await readFile(join(root, path)), cacheControl: 'no-cache' });
  await Promise.all(files.filter(({ path }) => path !== ENTRANCE).map(send));
  for (const entrance of files.filter(({ path }) => path === ENTRANCE)) await send(entrance);
  return files.length;
}
