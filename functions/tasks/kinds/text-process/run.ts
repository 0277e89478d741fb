import { setImmediate as nextTurn } from 'node:timers/promises';
import { defineTask, type Json, type TaskContext } from '../../define-task.ts';
import textProcess, { type Operation, type TextProcessPayload } from './kind.ts';
import { openSource, type Source } from './source.ts';
import { count } from './steps/count.ts';
import { diff } from './steps/diff.ts';
import { extract } from './steps/extract.ts';
import { htmlToText } from './steps/html-to-text.ts';
import { keywords } from './steps/keywords.ts';
import { language } from './steps/language.ts';
import { render } from './steps/render.ts';
import { replace } from './steps/replace.ts';
import type { Step, StepContext } from './steps/step.ts';
import { storedFile } from './steps/stored-file.ts';
import { normalized } from './text/normalize.ts';
import { Spool } from './text/spool.ts';

/** Operations whose text is not the one that they were given. */
const CHANGING = new Set<Operation['op']>(['replace', 'html_to_text', 'render']);

/** Share of the progress when the source has been read. */
const READ = 0.95;

/** Milliseconds of work between two looks at the signal. */
const TURN_MILLISECONDS = 20;

export default defineTask({
  ...textProcess,
  async run(payload, context) {
    const yieldTurn = turns(context.signal);
    const { language: spoken } = payload;
    // Patterns are compiled before anything is read.
    const steps = payload.operations.map((operation, at) => {
      const where = `/operations/${at}`;
      const { artifacts, signal } = context;
      return stepOf(operation, { artifacts, signal, language: spoken, yieldTurn, where }, context);
    });
    const names = payload.operations.map(({ op }) => op).join(', ');
    context.progress(0, names);
    const source = await openSource(payload.source, context, (bytes) => {
      context.progress(
        READ * (bytes / Math.max(bytes, source.bytes)),
        `${megabytes(bytes)} of ${megabytes(source.bytes)}: ${names}`,
      );
    });
    let pieces = payload.normalize ? normalized(source.pieces) : source.pieces;
    for (const step of steps) pieces = step.through(pieces);
    const spool = outputOf(payload, context);
    for await (const piece of pieces) {
      await yieldTurn();
      await spool?.write(piece);
    }
    context.progress(READ, names);
    const results: Json[] = [];
    for (const [at, step] of steps.entries()) {
      results.push({ op: payload.operations[at]?.op ?? '', ...(await step.entry()) });
      await yieldTurn();
    }
    const output = await spool?.end();
    context.progress(1);
    return {
      source: sourceOf(source),
      results,
      ...(output && ('text' in output ? { text: output.text } : { artifact: storedFile(output.artifact) })),
    };
  },
});

function stepOf(operation: Operation, context: StepContext, task: TaskContext): Step {
  switch (operation.op) {
    case 'count':
      return count(operation.of, context);
    case 'language':
      return language();
    case 'keywords':
      return keywords(operation, context);
    case 'replace':
      return replace(operation, context);
    case 'extract':
      return extract(operation, context);
    case 'diff': {
      const other = async function* () {
        yield* (await openSource(operation.with, task)).pieces;
      };
      return diff({ context: operation.context, other }, context);
    }
    case 'html_to_text':
      return htmlToText(operation, context);
    case 'render':
      return render(operation, context);
  }
}

/** Returns the place for the last text; undefined when nobody asks for it. */
function outputOf(
  { output, normalize, operations }: TextProcessPayload,
  { artifacts }: TaskContext,
): Spool | undefined {
  const isChanged = normalize !== undefined || operations.some(({ op }) => CHANGING.has(op));
  if (output === 'none' || (output === 'auto' && !isChanged)) return undefined;
  return new Spool(artifacts, {
    name: 'text.txt',
    mediaType: 'text/plain; charset=utf-8',
    always: output === 'artifact',
  });
}

function sourceOf({ bytes, encoding: { name, confidence } }: Source) {
  return { bytes, encoding: name, ...(confidence !== undefined && { encoding_confidence: confidence }) };
}

/** Returns a function that gives way to messages and timers when some time has passed, and throws when the signal has aborted. */
function turns(signal: AbortSignal): () => Promise<void> {
  let lastAt = performance.now();
  return async () => {
    if (performance.now() - lastAt < TURN_MILLISECONDS) return;
    await nextTurn();
    lastAt = performance.now();
    signal.throwIfAborted();
  };
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;
