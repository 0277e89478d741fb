import { fork } from 'node:child_process';
import { constants, getPriority, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ErrorPayload, Initialization, Invocation, SandboxMessage } from './sandbox-protocol.ts';

/** Result of an invocation: the handler's result or an error, both as JSON text. */
export interface Outcome {
  readonly payload: string;
  /** Set when the function failed: it threw, exceeded its time limit, or its process ended. */
  readonly functionError?: 'Unhandled';
  /** Set when the sandbox ended with the invocation and serves no further one. */
  readonly lost?: true;
}

/** One process with one copy of a function. It serves one invocation at a time. */
export interface Sandbox {
  readonly pid: number;
  /** Resolves when the handler is loaded, or with the error that prevented it. */
  readonly initialized: Promise<ErrorPayload | undefined>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  /** Runs the handler; never rejects. Must not be called while another invocation is under way. */
  invoke(invocation: Invocation): Promise<Outcome>;
  kill(): void;
}

export interface SandboxOptions {
  readonly codeDir: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly log: (line: string) => void;
  /** How much the sandbox yields the CPU, added to this process's niceness. Default: 0. */
  readonly niceness?: number;
}

const RUNTIME = fileURLToPath(new URL('./sandbox-runtime.ts', import.meta.url));

/** Variables that Node needs at its start. */
const AT_START = ['PATH', 'LANG', 'TZ', 'HOME', 'NODE_OPTIONS', 'NODE_COMPILE_CACHE'];

/**
 * Returns the part of an environment with which a process starts. Every process of the same account can read this part
 * in `/proc`. The other variables, including the database's password, are sent in a message.
 */
function atStart(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => AT_START.includes(name)));
}

/** Starts a sandbox in its own session, so that Ctrl-C reaches only Celeriac. */
export function startSandbox({ codeDir, environment, memoryMb, log, niceness }: SandboxOptions): Sandbox {
  // The name makes the process recognizable in a process list.
  const child = fork(RUNTIME, [environment.AWS_LAMBDA_FUNCTION_NAME ?? ''], {
    cwd: codeDir,
    env: atStart(environment),
    execArgv: [`--max-old-space-size=${memoryMb}`],
    serialization: 'json',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  child.send({ environment } satisfies Initialization, () => {});
  // Set at once, before the process has threads, because threads inherit it.
  if (niceness && child.pid !== undefined)
    setPriority(child.pid, Math.min(getPriority() + niceness, constants.priority.PRIORITY_LOW));
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', log);
  }

  let settle: ((outcome: Outcome) => void) | undefined;
  const initialization = Promise.withResolvers<ErrorPayload | undefined>();
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      const error = exitError(how);
      initialization.resolve(error);
      settle?.({ ...failure(error), lost: true });
      resolve();
    };
    child.once('error', (cause) => end(cause.message));
    child.once('exit', (code, signal) => end(signal ? `signal: ${signal}` : `exit status ${code}`));
  });
  child.on('message', (message: SandboxMessage) => {
    if (message.kind === 'ready') initialization.resolve(undefined);
    else if (message.kind === 'initializationFailed') initialization.resolve(message.error);
    else if (message.kind === 'succeeded') settle?.({ payload: message.payload });
    else settle?.(failure(message.error));
  });
  const kill = () => void child.kill('SIGKILL');

  return {
    pid: child.pid ?? -1,
    initialized: initialization.promise,
    ended,
    kill,
    invoke: async (invocation) => {
      const startedAt = Date.now();
      const outcome = await new Promise<Outcome>((resolve) => {
        const timer = setTimeout(() => {
          // Settled before the kill, so that the end of the process is not reported as the cause.
          resolve({ ...failure(timedOut(invocation.requestId, Date.now() - startedAt)), lost: true });
          kill();
        }, invocation.deadline - startedAt);
        settle = (result) => {
          clearTimeout(timer);
          resolve(result);
        };
        if (child.connected) child.send(invocation);
        else settle({ ...failure(exitError('the sandbox is gone')), lost: true });
      });
      settle = undefined;
      return outcome;
    },
  };
}

export function failure(error: ErrorPayload): Outcome {
  return { payload: JSON.stringify(error), functionError: 'Unhandled' };
}

function exitError(how: string): ErrorPayload {
  return { errorType: 'Runtime.ExitError', errorMessage: `Runtime exited with error: ${how}` };
}

function timedOut(requestId: string, milliseconds: number): ErrorPayload {
  const errorMessage = `RequestId: ${requestId} Error: Task timed out after ${(milliseconds / 1000).toFixed(2)} seconds`;
  return { errorType: 'Sandbox.Timedout', errorMessage };
}
