import { statfsSync, statSync } from 'node:fs';

/** What queries with several workers may need at once, with room to spare. */
const ENOUGH_BYTES = 512 * 1024 * 1024;

/**
 * Where Postgres keeps what the workers of one query share.
 *
 * POSIX shared memory is the faster place, but a container often has only 64 MB of it (`/dev/shm`), and a query then
 * fails with "could not resize shared memory segment". Such machines use files in the database's own directory.
 */
export function sharedMemoryType(directory = '/dev/shm', platform = process.platform): 'posix' | 'mmap' {
  // Other systems keep it in no directory.
  if (platform !== 'linux') return 'posix';
  try {
    const { bsize, blocks } = statfsSync(directory);
    const isForEverybody = (statSync(directory).mode & 0o002) !== 0;
    return isForEverybody && bsize * blocks >= ENOUGH_BYTES ? 'posix' : 'mmap';
  } catch {
    return 'mmap';
  }
}
