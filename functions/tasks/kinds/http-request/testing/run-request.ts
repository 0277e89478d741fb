import type { RequestListener } from 'node:http';
import { guardedFetch } from '../../../../fetch/client/guarded-fetch.ts';
import { serve } from '../../../../fetch/testing/server.ts';
import { memoryTaskArtifacts } from '../../../artifacts/testing/memory-task-artifacts.ts';
import { PermanentError, RetryError, type TaskContext } from '../../../define-task.ts';
import { NO_INPUTS } from '../../../inputs/testing/no-inputs.ts';
import httpRequest from '../inline.ts';

/** Starts a server that gives one answer to every request. */
export const answering = (
  status: number,
  headers: Record<string, string> = {},
  body: string | Uint8Array = '',
) => serve((_, response) => response.writeHead(status, headers).end(body));

/** Answers with what it has received. */
export const echo: RequestListener = async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({ ...request.headers, method: request.method, body: Buffer.concat(chunks).toString() }),
  );
};

export const context: TaskContext = {
  signal: new AbortController().signal,
  taskId: '0198c0de-0000-7000-8000-000000000000',
  attempt: 2,
  idempotencyKey: '0198c0de-0000-7000-8000-000000000000',
  deadline: new Date(Date.now() + 60_000),
  fetch: guardedFetch({ loopback: 'allowed' }),
  artifacts: memoryTaskArtifacts(),
  inputs: NO_INPUTS,
  progress() {},
  log() {},
};

export const run = (payload: object, change: Partial<TaskContext> = {}) =>
  httpRequest.perform(payload, { ...context, ...change });

/** Runs the task, and returns its failure. */
export async function failureOf(
  payload: object,
  change: Partial<TaskContext> = {},
): Promise<PermanentError | RetryError> {
  const failure = await run(payload, change).catch((error: unknown) => error);
  if (failure instanceof PermanentError || failure instanceof RetryError) return failure;
  throw new Error('Not a failure of its own kind', { cause: failure });
}
