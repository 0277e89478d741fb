import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ArtifactQuestion, AskArtifacts } from '../../artifacts/questions.ts';
import { AttemptAborted } from '../../attempt-aborted.ts';
import { RetryError } from '../../define-task.ts';
import type { HandlerOutput } from '../../handler-output.ts';
import type { AskInputs, InputQuestion } from '../../inputs/questions.ts';
import type { TakeTurn } from './in-turn.ts';
import { readMessage } from './messages.ts';
import type { AnswerOr, Job, ToRunner } from './protocol.ts';
import { describeThrown, reviveThrown } from './thrown.ts';

export type RunnerSpec = {
  /** The module that calls `serve`. */
  program: URL;
  /** The whole environment of the process. */
  environment: NodeJS.ProcessEnv;
  /**
   * The folder of its own code, which Node's permissions allow the process to read. All other files of the machine are closed to
   * it, also `/proc`, which shows the worker's environment. Default: the folder of the program.
   */
  readable?: URL;
  /** Limit of the JavaScript heap. A process that exceeds it ends. */
  heapMiB: number;
  /** Seconds within which the process must be ready for attempts. Otherwise it is killed. Default: 30. */
  readySeconds?: number;
};

export type AttemptSignals = {
  /** When it aborts, the handler's signal aborts. Its reason is an AttemptAborted. */
  signal: AbortSignal;
  /** When it aborts, the process is killed, and the attempt fails with its reason. */
  end: AbortSignal;
  onOutput: (output: HandlerOutput) => void;
  /** Takes a turn of the attempt's own organization, even if the process names another one. */
  takeTurn: TakeTurn;
  /** Answers questions about artifacts of the attempt's own organization. Its errors are shown to the handler. */
  askArtifacts: AskArtifacts;
  /** Answers questions about the tasks that the attempt's own task depends on. Its errors are shown to the handler. */
  askInputs: AskInputs;
};

/** A process that runs one attempt at a time. */
export type Runner = {
  /** Runs an attempt. Do not call it while another attempt runs. @returns the result as JSON text @throws the handler's error */
  run: (job: Job, hearing: AttemptSignals) => Promise<string>;
  /** Resolves when the process can run attempts. @throws RetryError `handler_crashed` when it cannot */
  ready: Promise<void>;
  /** Undefined when the process could not be started at all. */
  pid: number | undefined;
  /** Returns true when the runner can take a further attempt. */
  usable: () => boolean;
  /**
   * While held, the runner keeps this process from ending. `letGo` undoes `hold`. A runner is held from its start on, and should
   * not be while it is idle.
   */
  hold: () => void;
  letGo: () => void;
  /** Kills the process. The attempt that it runs fails with this error. */
  kill: (why: Error) => void;
  /** Resolves when the process is gone. */
  gone: Promise<void>;
};

/** Seconds to wait for the end of a killed process. It normally takes milliseconds. */
const LONGEST_DEATH_SECONDS = 2;

const LAST_WORDS_MILLISECONDS = 100;

const OUT_OF_MEMORY = 'JavaScript heap out of memory';

const READY_SECONDS = 30;

export function startRunner({
  program,
  environment,
  readable = new URL('.', program),
  heapMiB,
  readySeconds = READY_SECONDS,
}: RunnerSpec): Runner {
  const child = fork(program, [], {
    serialization: 'advanced',
    execArgv: [`--max-old-space-size=${heapMiB}`, ...permissions(readable)],
    env: environment,
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  const ready = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  type Current = Pick<AttemptSignals, 'onOutput' | 'takeTurn' | 'askArtifacts' | 'askInputs'> & {
    run: number;
    /** Questions that have no answer yet: at most one of each type. */
    asks: Set<'turn' | 'artifact' | 'input'>;
    resolve(result: string): void;
    reject(error: Error): void;
  };
  let current: Current = {
    run: 0,
    asks: new Set(),
    onOutput: () => {},
    takeTurn: () => Promise.reject(new Error('No attempt is running')),
    askArtifacts: () => Promise.reject(new Error('No attempt is running')),
    askInputs: () => Promise.reject(new Error('No attempt is running')),
    resolve: () => {},
    reject: () => {},
  };
  let why: Error | undefined;
  let ended = false;
  const late = setTimeout(
    () =>
      kill(new RetryError('handler_crashed', `The handler's process was not ready within ${readySeconds} s`)),
    readySeconds * 1000,
  );
  ready.promise.catch(() => {}).finally(() => clearTimeout(late));

  const end = (how: string): void => {
    ended = true;
    const error = why ?? new RetryError('handler_crashed', `The handler's process ended: ${how}`);
    ready.reject(error);
    current.reject(error);
    gone.resolve();
  };
  const kill = (error: Error): void => {
    why ??= error;
    child.ref();
    child.kill('SIGKILL');
    void sleep(LONGEST_DEATH_SECONDS * 1000, undefined, { ref: false }).then(() => end('killed'));
  };

  /** Answers one question after the other: a runner that does not wait for the answer is none of ours. */
  const answer = async (
    asking: Current,
    type: 'turn' | 'artifact' | 'input',
    find: () => Promise<ToRunner>,
  ) => {
    if (asking.asks.has(type)) return kill(protocolBroken());
    asking.asks.add(type);
    const found = await find();
    asking.asks.delete(type);
    send(child, found);
  };
  const answerTurn = (asking: Current, host: string): Promise<void> =>
    answer(asking, 'turn', async () => {
      const turn = await asking.takeTurn(host).catch(() => undefined);
      return { type: 'turn', run: asking.run, turn };
    });
  const answerArtifact = (asking: Current, question: ArtifactQuestion): Promise<void> =>
    answer(asking, 'artifact', async () => ({
      type: 'artifact',
      run: asking.run,
      answer: await answerOr(asking.askArtifacts(question)),
    }));
  const answerInput = (asking: Current, question: InputQuestion): Promise<void> =>
    answer(asking, 'input', async () => ({
      type: 'input',
      run: asking.run,
      answer: await answerOr(asking.askInputs(question)),
    }));

  child.once('error', (error) => {
    if (child.pid === undefined) end(error.message);
  });
  child.once('exit', async (code, signal) => {
    // Its last output, which tells the cause, may still be on its way.
    if (!why && child.stderr?.closed === false) {
      await Promise.race([once(child.stderr, 'close'), sleep(LAST_WORDS_MILLISECONDS)]);
    }
    end(signal ?? `exit status ${code}`);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    process.stderr.write(chunk);
    if (chunk.includes(OUT_OF_MEMORY)) why ??= memoryExceeded(heapMiB);
  });
  child.on('message', (given: unknown) => {
    const message = readMessage(given);
    if (!message) kill(protocolBroken());
    else if (message.type === 'ready') ready.resolve();
    else if (message.type === 'ending')
      why ??= new RetryError('handler_crashed', `Uncaught: ${message.message}`);
    else if (message.run !== current.run) return;
    else if (message.type === 'output') current.onOutput(message.output);
    else if (message.type === 'turn') void answerTurn(current, message.host);
    else if (message.type === 'artifact') void answerArtifact(current, message.question);
    else if (message.type === 'input') void answerInput(current, message.question);
    else if (message.type === 'returned') current.resolve(message.result);
    else current.reject(reviveThrown(message.thrown));
  });

  return {
    pid: child.pid,
    ready: ready.promise,
    gone: gone.promise,
    usable: () => !why && !ended,
    hold() {
      child.ref();
      child.channel?.ref();
    },
    letGo() {
      child.unref();
      child.channel?.unref();
      // It is a pipe, although its type does not tell.
      if (child.stderr instanceof Socket) child.stderr.unref();
    },
    kill,
    async run(job, { signal, end: killed, ...attempt }) {
      const ending = Promise.withResolvers<string>();
      const run = current.run + 1;
      current = { ...attempt, run, asks: new Set(), resolve: ending.resolve, reject: ending.reject };
      const abort = (): void => {
        const { code, message } = reasonOf(signal);
        send(child, { type: 'abort', run, code, message });
      };
      const die = (): void => kill(killed.reason);
      try {
        if (why) throw why;
        send(child, { type: 'run', run, job });
        signal.addEventListener('abort', abort);
        killed.addEventListener('abort', die);
        if (signal.aborted) abort();
        if (killed.aborted) die();
        return await ending.promise;
      } finally {
        signal.removeEventListener('abort', abort);
        killed.removeEventListener('abort', die);
      }
    },
  };
}

/**
 * Returns Node's permission flags. The process may read its own code and start the thread that watches its parent. It may neither
 * write files nor start processes.
 */
function permissions(readable: URL): string[] {
  return [
    '--permission',
    `--allow-fs-read=${fileURLToPath(readable)}`,
    '--allow-worker',
    // The warning is about threads that get more permissions than their process. Only the code in the process could do that.
    '--disable-warning=PERM0006',
  ];
}

const answerOr = <Answer>(answer: Promise<Answer>): Promise<AnswerOr<Answer>> =>
  answer.then(
    (answered) => ({ answered }),
    (thrown: unknown) => ({ thrown: describeThrown(thrown) }),
  );

export function memoryExceeded(mebibytes: number): RetryError {
  return new RetryError('memory_exceeded', `The handler used more than ${mebibytes} MiB of memory`);
}

function protocolBroken(): RetryError {
  return new RetryError('handler_crashed', "The handler's process sent an invalid message");
}

function reasonOf({ reason }: AbortSignal): Pick<AttemptAborted, 'code' | 'message'> {
  return reason instanceof AttemptAborted ? reason : { code: 'cancelled', message: String(reason) };
}

/** Sends a message. A message that cannot be sent has no receiver any more; the end of the process reports it. */
function send(child: ChildProcess, message: ToRunner): void {
  if (child.connected) child.send(message, () => {});
}
