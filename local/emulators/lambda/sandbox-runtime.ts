/**
 * The program inside a sandbox; does the work of Lambda's Node.js runtime. Loads the handler named by `_HANDLER` from
 * `LAMBDA_TASK_ROOT`, then serves one invocation at a time until its parent ends.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ErrorPayload, Initialization, Invocation, SandboxMessage } from './sandbox-protocol.ts';

type Handler = (event: unknown, context: unknown) => unknown;

/** Lambda's limit for an answer, in bytes. */
const MAX_RESULT_BYTES = 6 * 1024 * 1024;

const environment = process.env;

/** Ignores Ctrl-C: the parent handles it and lets invocations end. Without a parent nobody uses their results. */
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));

const [first] = (await once(process, 'message')) as [Initialization];
Object.assign(environment, first.environment);

const handler = await load().catch((error: unknown) => {
  send({ kind: 'initializationFailed', error: described(error) });
  return undefined;
});
if (handler) {
  process.on('message', (invocation: Invocation) => void run(handler, invocation));
  send({ kind: 'ready' });
}

async function load(): Promise<Handler> {
  const [name = '', exported = ''] = (environment._HANDLER ?? '').split('.');
  const root = environment.LAMBDA_TASK_ROOT ?? '';
  const file = ['.mjs', '.js', '.cjs']
    .map((extension) => join(root, name + extension))
    .find((path) => existsSync(path));
  if (!file) throw new Error(`Cannot find module '${name}' in ${root}`);
  const module: Record<string, unknown> = await import(pathToFileURL(file).href);
  const found = module[exported];
  if (typeof found !== 'function') throw new Error(`${environment._HANDLER} is undefined or not exported`);
  return found as Handler;
}

async function run(
  handle: Handler,
  { requestId, payload, deadline, invokedFunctionArn }: Invocation,
): Promise<void> {
  environment._X_AMZN_TRACE_ID = `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${requestId.replaceAll('-', '').slice(0, 24)};Sampled=0`;
  const context = {
    callbackWaitsForEmptyEventLoop: true,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: requestId,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
  try {
    const result = JSON.stringify((await handle(JSON.parse(payload), context)) ?? null);
    const bytes = Buffer.byteLength(result);
    if (bytes > MAX_RESULT_BYTES) {
      const errorMessage = `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${MAX_RESULT_BYTES} bytes).`;
      send({
        kind: 'failed',
        requestId,
        error: { errorType: 'Function.ResponseSizeTooLarge', errorMessage },
      });
    } else {
      send({ kind: 'succeeded', requestId, payload: result });
    }
  } catch (error) {
    send({ kind: 'failed', requestId, error: described(error) });
  }
}

function described(error: unknown): ErrorPayload {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}

function send(message: SandboxMessage): void {
  process.send?.(message);
}
