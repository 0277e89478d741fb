import { readdir, readFile, readlink } from 'node:fs/promises';

/**
 * Returns the process that has an IPv4 TCP connection from `ownPort` to `otherPort`.
 *
 * @returns undefined when no process has it, or without `/proc`
 */
export async function connectedProcess(
  pids: readonly number[],
  ownPort: number,
  otherPort: number,
): Promise<number | undefined> {
  const table = await readFile('/proc/net/tcp', 'latin1').catch(() => '');
  const columns = table.split('\n').map((line) => line.trim().split(/\s+/));
  const inode = columns.find(
    ([, own = '', other = '']) => portIn(own) === ownPort && portIn(other) === otherPort,
  )?.[9];
  if (inode === undefined) return undefined;
  for (const pid of pids) {
    const links = await linksIn(`/proc/${pid}/fd`);
    if (links.includes(`socket:[${inode}]`)) return pid;
  }
  return undefined;
}

/** Returns the port of an address in hexadecimal: `0100007F:1F90` is 127.0.0.1:8080. */
function portIn(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}

async function linksIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return Promise.all(names.map((name) => readlink(`${directory}/${name}`).catch(() => '')));
}
