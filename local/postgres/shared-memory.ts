import { statfsSync, statSync } from 'node:fs';

/** Bytes that parallel queries may need at the same time, with a reserve. */
const ENOUGH_BYTES = 512 * 1024 * 1024;

/**
 * Returns the type of memory that the workers of one query share.
 *
 * POSIX shared memory is faster, but a container often has only 64 MB of it (`/dev/shm`). A query then fails with
 * "could not resize shared memory segment". Such machines use files in the database's directory.
 */
export function sharedMemoryType(directory = '/dev/shm', platform = process.platform): 'posix' | 'mmap' {
  // Other systems have no directory for shared memory.
  if (platform !== 'linux') return 'posix';
  try {
    const { bsize, blocks } = statfsSync(directory);
    const isForEverybody = (statSync(directory).mode & 0o002) !== 0;
    return isForEverybody && bsize * blocks >= ENOUGH_BYTES ? 'posix' : 'mmap';
  } catch {
    return 'mmap';
  }
}
