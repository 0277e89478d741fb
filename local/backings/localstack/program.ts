import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartFailure } from '../../process/start-failure.ts';

const READY_SECONDS = 90;

export interface Program {
  readonly pid: number;
  /** The address that the caller gave. */
  readonly address: string;
  /** Sends the stop signal. Kills the program if it has not ended after ten seconds. */
  stop(): Promise<void>;
}

/**
 * Starts a server and waits until it is ready, by a line of its output or by a check.
 *
 * @throws {StartFailure} when the server ends or is not ready in time; the message contains the end of its output
 */
export async function startProgram(options: {
  command: string;
  args: readonly string[];
  cwd: string;
  address: string;
  env?: Readonly<Record<string, string>>;
  uid?: number;
  gid?: number;
  readyLine?: RegExp;
  isReady?: () => Promise<boolean>;
  stopSignal?: NodeJS.Signals;
}): Promise<Program> {
  const { command, args, address, env, readyLine, isReady, stopSignal = 'SIGTERM', ...identity } = options;
  const child = spawn(command, args, {
    ...identity,
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-4_000);
    });
  let ended: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ended = error.message;
      resolve();
    });
    child.once('exit', (code, signal) => {
      ended = `it ended (${signal ?? code})`;
      resolve();
    });
  });
  const stop = async () => {
    child.kill(stopSignal);
    const cut = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(cut);
  };
  const deadline = Date.now() + READY_SECONDS * 1000;
  while (!(readyLine?.test(output) || (await isReady?.().catch(() => false)))) {
    if (ended !== undefined || Date.now() > deadline) {
      await stop();
      throw new StartFailure(`${command} is not ready: ${ended ?? 'too slow'}\n${output}`);
    }
    await sleep(100);
  }
  return { pid: child.pid ?? -1, address, stop };
}
