import { FILE_HEADERS_ONLY, formatPatch, type StructuredPatch, structuredPatch } from 'diff';
import { PermanentError } from '../../../define-task.ts';
import { MAX_EDITS, MAX_WHOLE } from '../text/bounds.ts';
import { inPieces, type Pieces, whole } from '../text/pieces.ts';
import { Spool } from '../text/spool.ts';
import type { Step, StepContext } from './step.ts';
import { storedFile } from './stored-file.ts';

export type DiffSettings = {
  /** Unchanged lines around a change. */
  readonly context: number;
  /** Opens the text to compare with. */
  readonly other: () => Pieces;
};

/** Compares the text with another one, line by line. */
export function diff({ context: contextLines, other }: DiffSettings, context: StepContext): Step {
  const { where, artifacts, signal } = context;
  const spool = new Spool(artifacts, { name: 'changes.patch', mediaType: 'text/x-diff' });
  const counts = { added: 0, removed: 0, hunks: 0 };
  return {
    async *through(pieces) {
      const max = MAX_WHOLE.diff;
      const text = await whole(pieces, { max, where });
      const compared = await whole(other(), { max, where: `${where}/with` });
      const patch = await compare(text, compared, { contextLines, signal });
      if (!patch) {
        throw new PermanentError(
          'diff_too_large',
          `${where}: more than ${MAX_EDITS} lines are added and removed`,
          {
            details: { pointer: where, limit: MAX_EDITS },
          },
        );
      }
      counts.hunks = patch.hunks.length;
      for (const line of patch.hunks.flatMap(({ lines }) => lines)) {
        if (line.startsWith('+')) counts.added += 1;
        if (line.startsWith('-')) counts.removed += 1;
      }
      if (patch.hunks.length > 0)
        for (const piece of inPieces(formatPatch(patch, FILE_HEADERS_ONLY))) await spool.write(piece);
      yield* inPieces(text);
    },
    async entry() {
      const spooled = await spool.end();
      const patch = 'text' in spooled ? { patch: spooled.text } : { artifact: storedFile(spooled.artifact) };
      return { is_equal: counts.hunks === 0, ...counts, ...patch };
    },
  };
}

/** Gives way between its steps. @returns undefined when the texts differ too much */
async function compare(
  text: string,
  other: string,
  { contextLines, signal }: { contextLines: number; signal: AbortSignal },
): Promise<StructuredPatch | undefined> {
  const compared = Promise.withResolvers<StructuredPatch | undefined>();
  const stop = () => compared.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    structuredPatch('text', 'with', text, other, undefined, undefined, {
      context: contextLines,
      maxEditLength: MAX_EDITS,
      callback: compared.resolve,
    });
    return await compared.promise;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
