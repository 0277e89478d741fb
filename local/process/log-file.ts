import { createWriteStream, renameSync, statSync } from 'node:fs';

/** Size in bytes. If the log is larger, the next start renames it to `<path>.1` and begins a new file. */
const MAX_BYTES = 50 * 1024 * 1024;

export interface LogFile {
  write(line: string): void;
  close(): Promise<void>;
}

/**
 * Opens a file to append lines. Lines that cannot be written are dropped, because a full disk must not stop the
 * functions.
 */
export function openLogFile(path: string): LogFile {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MAX_BYTES) renameSync(path, `${path}.1`);
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  stream.on('error', () => {});
  return {
    write: (line) => void stream.write(`${new Date().toISOString()} ${line}\n`),
    close: () => new Promise((done) => stream.end(() => done())),
  };
}
