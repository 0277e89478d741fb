import process from 'node:process';
import { JsonText } from '../../../exact-json/json-text.ts';
import type { GuardedFetch } from '../../../fetch/port.ts';
import { handlerArtifacts } from '../../artifacts/handler-artifacts.ts';
import type { ArtifactQuestion } from '../../artifacts/questions.ts';
import { AttemptAborted } from '../../attempt-aborted.ts';
import { RetryError, type TaskDefinition } from '../../define-task.ts';
import { handlerOutput, mergeOutput, NO_OUTPUT } from '../../handler-output.ts';
import { handlerInputs } from '../../inputs/handler-inputs.ts';
import type { InputQuestion } from '../../inputs/questions.ts';
import { storableResult } from '../../result.ts';
import { type HandlerQuestions, handlerQuestions } from './handler-questions.ts';
import { inTurn } from './in-turn.ts';
import { watchParent } from './orphan-watch.ts';
import type { FromRunner, Job, ToRunner } from './protocol.ts';
import { describeThrown, notLoaded } from './thrown.ts';
import { type TurnQuestions, turnQuestions } from './turn-questions.ts';

type ServeDeps = {
  /** Loads the handler of a kind. */
  taskOf: (kind: string) => Promise<TaskDefinition | undefined>;
  fetch: GuardedFetch;
};

/** The attempt that runs in this process. */
type Current = {
  readonly run: number;
  readonly stop: AbortController;
  readonly turns: TurnQuestions;
  readonly artifacts: HandlerQuestions<ArtifactQuestion>;
  readonly inputs: HandlerQuestions<InputQuestion>;
};

/** Shortest time between two messages with a handler's output. */
const OUTPUT_MILLISECONDS = 100;

/** The program of a runner. It runs one attempt at a time for the worker that started this process, and ends with the worker. */
export async function serve(deps: ServeDeps): Promise<void> {
  let current: Current | undefined;

  process.on('disconnect', () => process.exit(0));
  // Ctrl-C is meant for the worker, which lets attempts end.
  process.on('SIGINT', () => {});
  process.on('uncaughtException', (error) => {
    const message = error instanceof Error ? error.message : String(error);
    console.error(error);
    process.send?.({ type: 'ending', message } satisfies FromRunner, () => process.exit(1));
  });
  process.on('message', (message: ToRunner) => {
    const { run } = message;
    if (message.type === 'run') {
      const turns = turnQuestions((host) => sendToWorker({ type: 'turn', run, host }));
      const artifacts = handlerQuestions<ArtifactQuestion>((question) =>
        sendToWorker({ type: 'artifact', run, question }),
      );
      const inputs = handlerQuestions<InputQuestion>((question) =>
        sendToWorker({ type: 'input', run, question }),
      );
      current = { run, stop: new AbortController(), turns, artifacts, inputs };
      void perform(deps, message.job, current).then(sendToWorker);
    } else if (current?.run !== run) return;
    else if (message.type === 'turn') current.turns.answered(message.turn);
    else if (message.type === 'artifact') current.artifacts.answered(message.answer);
    else if (message.type === 'input') current.inputs.answered(message.answer);
    else current.stop.abort(new AttemptAborted(message.code, message.message));
  });
  await watchParent();
  sendToWorker({ type: 'ready' });
}

async function perform(
  { taskOf, fetch: send }: ServeDeps,
  job: Job,
  { run, stop, turns, artifacts, inputs }: Current,
): Promise<FromRunner> {
  const output = outputBatcher(run);
  try {
    const task = await taskOf(job.kind).catch((cause: unknown) => {
      // The task's error shows only the message. The cause is for the operator.
      console.error(`The handler of ${job.kind} cannot be loaded, for task ${job.taskId}:`, cause);
      throw notLoaded(job.kind);
    });
    if (!task) throw new RetryError('kind_unknown', `This worker does not know the kind ${job.kind}`);
    const { taskId, attempt, idempotencyKey, deadline, inputNames } = job;
    const fetch = inTurn(send, turns.take);
    const context = {
      signal: stop.signal,
      taskId,
      attempt,
      idempotencyKey,
      deadline,
      fetch,
      artifacts: handlerArtifacts(artifacts.ask, stop.signal),
      inputs: handlerInputs(inputNames, inputs.ask, stop.signal),
      ...output.methods,
    };
    const result = storableResult(await task.perform(new JsonText(job.payload), context));
    output.flush();
    return { type: 'returned', run, result };
  } catch (thrown) {
    output.flush();
    return { type: 'threw', run, thrown: describeThrown(thrown) };
  }
}

/**
 * Passes a handler's output on, merged into a few messages a second. The first message after a pause is sent at once, so that
 * output of a handler that never yields arrives too.
 */
function outputBatcher(run: number) {
  let waiting = NO_OUTPUT;
  let lastAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === NO_OUTPUT) return;
    sendToWorker({ type: 'output', run, output: waiting });
    waiting = NO_OUTPUT;
    lastAt = performance.now();
  };
  return {
    flush,
    methods: handlerOutput((output) => {
      waiting = mergeOutput(waiting, output);
      const wait = lastAt + OUTPUT_MILLISECONDS - performance.now();
      if (wait <= 0) flush();
      else timer ??= setTimeout(flush, wait);
    }),
  };
}

function sendToWorker(message: FromRunner): void {
  if (process.connected) process.send?.(message);
}
