import { RetryError } from '../define-task.ts';
import type { OpenArtifact, TaskArtifacts } from '../task-artifacts.ts';
import type { AskArtifacts } from './questions.ts';
import { readParts } from './transfer.ts';
import { artifactWriter } from './writer.ts';

/** Returns the artifacts of a handler. @param signal of the attempt: it ends every transfer */
export function handlerArtifacts(ask: AskArtifacts, signal: AbortSignal): TaskArtifacts {
  return {
    async open(id): Promise<OpenArtifact> {
      signal.throwIfAborted();
      const { url, ...found } = await ask({ ask: 'open', id });
      const { bytes } = found;
      const read = () =>
        contentOf(
          readParts(() => url, { bytes, signal }),
          signal,
        );
      return { id, ...found, content: { [Symbol.asyncIterator]: read } };
    },
    create: (file) => artifactWriter({ ask, signal, file }),
  };
}

async function* contentOf(parts: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* parts;
  } catch (error) {
    throw transferError(error, signal);
  }
}

/** Returns the error of a transfer as a handler gets it. Addresses carry rights, so no message of S3 is quoted. */
export function transferError(cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return new RetryError('artifacts_unavailable', 'The storage of artifacts does not answer', { cause });
}
