import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { signal } from '../../process/signal.ts';
import { ANSWER, type Answer, type Call } from './calls.ts';
import { noted } from './running.ts';

/** Seconds that a process has to end by itself before its group is killed. */
const STOP_SECONDS = 15;

/** Number of log lines that a failure quotes. */
const QUOTED_LINES = 6;

export interface MeasuredProcess {
  /**
   * Calls the process. @throws when the call fails, when the process ends, or after `seconds`, which also kills the
   * process
   */
  call<T>(name: string, given: unknown, seconds: number): Promise<T>;
}

/**
 * Starts a process that answers calls, in its own process group, so that its children end with it. It is stopped with
 * everything that is `noted`: by a call of `stop`, and then by a kill of what is left of its group.
 *
 * @param options.log a file for the process's output
 */
export function startMeasuredProcess(options: {
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  log: string;
}): MeasuredProcess {
  const { command, args, env = {}, log } = options;
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = createWriteStream(log, { flags: 'a' });
  const lastLines: string[] = [];
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  let ended: Error | undefined;

  function note(line: string): void {
    output.write(`${line}\n`);
    lastLines.push(line);
    if (lastLines.length > QUOTED_LINES) lastLines.shift();
  }
  function end(why: string): void {
    if (ended) return;
    ended = new Error([why, ...lastLines].join('\n'));
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
    output.end();
  }
  createInterface({ input: child.stderr }).on('line', note);
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith(ANSWER)) return note(line);
    const { answer, result, error }: Answer = JSON.parse(line);
    const caller = waiting.get(answer);
    waiting.delete(answer);
    if (error === undefined) caller?.resolve(result);
    else caller?.reject(new Error(error));
  });
  child.stdin.on('error', () => {});
  const exited = new Promise<void>((done) => {
    child.once('error', (error) => {
      end(error.message);
      done();
    });
    child.once('close', (code, signal) => {
      end(`${command} ended (${code ?? signal})`);
      done();
    });
  });

  const kill = () => child.pid !== undefined && signal(-child.pid, 'SIGKILL');
  async function call<T>(name: string, given: unknown, seconds: number): Promise<T> {
    if (ended) throw ended;
    calls += 1;
    const id = calls;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    const timer = setTimeout(() => {
      end(`"${name}" was given up after ${seconds} s`);
      kill();
    }, seconds * 1000);
    child.stdin.write(`${JSON.stringify({ id, call: name, given } satisfies Call)}\n`);
    try {
      return (await answer.promise) as T;
    } finally {
      clearTimeout(timer);
    }
  }
  noted(async () => {
    if (!ended) await call('stop', null, STOP_SECONDS).catch(() => {});
    child.stdin.end();
    await Promise.race([exited, sleep(1_000, undefined, { ref: false })]);
    kill();
    await exited;
  });
  return { call };
}
