import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine } from './process-identity.ts';

/**
 * Creates a directory `celeriac-<name>-…` in `parent` for this process only. First removes the directories that killed
 * processes of the same user left there.
 *
 * @param beforeRemoval ends processes that may still use an abandoned directory
 */
export async function directoryOfProcess(
  parent: string,
  name: string,
  beforeRemoval: (directory: string) => Promise<void> = async () => {},
): Promise<string> {
  const ofProcess = new RegExp(`^celeriac-${name}-(\\d+)-`);
  for (const entry of await readdir(parent)) {
    const pid = ofProcess.exec(entry)?.[1];
    if (!pid || commandLine(Number(pid))) continue;
    const abandoned = join(parent, entry);
    // Another start may remove the directory at the same time.
    await removeOwn(abandoned, beforeRemoval).catch(() => {});
  }
  return mkdtemp(join(parent, `celeriac-${name}-${process.pid}-`));
}

async function removeOwn(directory: string, beforeRemoval: (directory: string) => Promise<void>) {
  const entry = await lstat(directory);
  if (!entry.isDirectory() || entry.uid !== process.getuid?.()) return;
  await beforeRemoval(directory);
  await rm(directory, { recursive: true, force: true });
}
