import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Returns a directory of the user's cache for programs with pinned versions. Other pins have another directory.
 *
 * @param prefix of the directory's name; it may contain directories
 */
export function cacheDirectory(prefix: string, pins: string | Buffer): string {
  const digest = createHash('sha256').update(pins).digest('hex').slice(0, 12);
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'celeriac', `${prefix}${digest}`);
}
