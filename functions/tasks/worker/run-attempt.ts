import { JsonText } from '../../exact-json/json-text.ts';
import type { GuardedFetch } from '../../fetch/port.ts';
import type { AttemptArtifacts } from '../artifacts/attempt-artifacts.ts';
import { handlerArtifacts } from '../artifacts/handler-artifacts.ts';
import { policyOf, shortestDelaySeconds } from '../backoff.ts';
import { type Kind, type LogLevel, runsInline, type TaskDefinition } from '../define-task.ts';
import { failureOf, isMeant } from '../failure.ts';
import { type HandlerOutput, handlerOutput } from '../handler-output.ts';
import { handlerInputs } from '../inputs/handler-inputs.ts';
import type { AskInputs } from '../inputs/questions.ts';
import { limitsOf } from '../limits.ts';
import { storableResult } from '../result.ts';
import type { Outcome, Task } from '../task.ts';
import { attemptClock } from './deadlines.ts';
import { inTurn, type TakeTurn } from './process-pool/in-turn.ts';
import type { Runners } from './process-pool/pool.ts';
import { type PutArtifact, storeResult } from './store-result.ts';

export type Log = (level: LogLevel, message: string, fields: Record<string, unknown>) => void;

export type AttemptDeps = {
  /** Every kind that this worker can run, by name. */
  kinds: Pick<ReadonlyMap<string, Kind>, 'get' | 'values'>;
  /** Returns the inline handler of a kind. Not called for kinds that never run inline. */
  taskOf: (name: string) => TaskDefinition | undefined;
  /** Runs all isolated attempts. */
  runners: Runners;
  /** Stores results that are too large for a row. */
  putArtifact: PutArtifact;
  /** Returns the artifacts of an attempt. */
  artifactsOf: (task: Task, log: (error: unknown) => void) => AttemptArtifacts;
  /** Returns the answers to what the handler of an attempt asks about the tasks that its task depends on. */
  inputsOf: (task: Task, log: (error: unknown) => void) => AskInputs;
  /** The fetch of inline attempts. */
  fetch: GuardedFetch;
  /** Returns the function that takes an organization's turns. It counts the organization's requests to each host. */
  turnsOf: (organizationId: string) => TakeTurn;
  log: Log;
};

/** Seconds before a retry. With the default number of retries, a deployment ends before they are used up. */
const UNKNOWN_KIND_SECONDS = 60;

/**
 * Runs one attempt to its outcome. Never rejects. The handler's signal aborts at the soft limit and when `interrupt` does. At the
 * hard limit, and some seconds after an ignored interrupt, an isolated handler is stopped. An inline handler is then given up,
 * whether it has stopped or not.
 *
 * @param interrupt aborted when a cancel was requested or the lease was lost
 * @param onOutput  called with the progress and the log lines of the handler
 */
export async function runAttempt(
  deps: AttemptDeps,
  task: Task,
  { interrupt, onOutput }: { interrupt: AbortSignal; onOutput: (output: HandlerOutput) => void },
): Promise<Outcome> {
  const kind = deps.kinds.get(task.kind);
  const attempt = { id: task.id, attempt: task.attempt };
  if (!kind) {
    // The API that accepted the task is newer or older than this worker: a deployment is under way.
    return {
      ...attempt,
      kind: 'retry',
      delaySeconds: UNKNOWN_KIND_SECONDS,
      error: { code: 'kind_unknown', message: `This worker does not know the kind ${task.kind}` },
    };
  }
  const about = { task_id: task.id, attempt: task.attempt, kind: task.kind };
  const logAndPassOn = (output: HandlerOutput): void => {
    for (const { level, message, fields } of output.lines) {
      deps.log(level, message, { ...fields, ...about });
    }
    onOutput(output);
  };
  const takeOwnTurn = deps.turnsOf(task.organizationId);
  // Log the database's error here. The handler's process and the row must not see it.
  const takeTurn: TakeTurn = (host) =>
    takeOwnTurn(host).catch((error: unknown) => {
      deps.log('error', 'no turn for a request', { ...about, error });
      throw error;
    });
  const artifacts = deps.artifactsOf(task, (error) =>
    deps.log('error', 'artifacts cannot be used', { ...about, error }),
  );
  const askInputs = deps.inputsOf(task, (error) =>
    deps.log('error', 'inputs cannot be read', { ...about, error }),
  );
  const inputNames = Object.keys(task.inputs ?? {});
  const clock = attemptClock(limitsOf(kind, task), interrupt);
  const { signal, end } = clock;
  const begin = () => ({
    taskId: task.id,
    attempt: task.attempt,
    idempotencyKey: task.id,
    deadline: clock.start(),
  });
  /** @param result as JSON text */
  const complete = async (result: string): Promise<Outcome> => {
    const stored = await storeResult(deps.putArtifact, task, result);
    await artifacts.keep();
    return { ...attempt, kind: 'complete', ...stored };
  };
  try {
    if (!runsInline(kind, task.payload)) {
      const payload = JsonText.of(task.payload).text;
      const job = () => ({ ...begin(), kind: task.kind, payload, inputNames });
      const askArtifacts = artifacts.ask;
      const hearing = { signal, end, onOutput: logAndPassOn, takeTurn, askArtifacts, askInputs };
      const result = await deps.runners.run(job, hearing);
      return await complete(result);
    }
    const definition = deps.taskOf(task.kind);
    if (!definition) throw new Error(`The kind ${task.kind} has no inline handler`);
    const fetch = inTurn(
      (request) => deps.fetch({ ...request, organizationId: task.organizationId }),
      takeTurn,
    );
    const context = {
      ...begin(),
      signal,
      fetch,
      artifacts: handlerArtifacts(artifacts.ask, signal),
      inputs: handlerInputs(inputNames, askInputs, signal),
      ...handlerOutput(logAndPassOn),
    };
    const result = await Promise.race([definition.perform(task.payload, context), aborted(end)]);
    return await complete(storableResult(result));
  } catch (thrown) {
    await artifacts.discard();
    if (!isMeant(thrown)) deps.log('error', 'attempt failed', { ...about, error: thrown });
    const made = attemptsSinceGranted(task);
    const failure = failureOf(thrown, made, policyOf(kind.retry, task.retryPolicy));
    if (failure.kind === 'fail' || kind.waits !== 'network') return { ...attempt, ...failure };
    const delaySeconds = Math.max(failure.delaySeconds, shortestDelaySeconds(made));
    return { ...attempt, ...failure, delaySeconds };
  } finally {
    clock.stop();
  }
}

/**
 * Returns the number of attempts, this one included, since the last requeue. A retry by a person begins with short delays again.
 */
function attemptsSinceGranted({ attempt, attemptLimit, maxRetries }: Task): number {
  return attempt - (attemptLimit - 1 - maxRetries);
}

/** Rejects with the signal's reason when the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
