import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TaskRequest } from '../../create.ts';
import {
  defineTask,
  type Json,
  PermanentError,
  type TaskContext,
  type TaskDefinition,
} from '../../define-task.ts';
import { LINES } from '../../import-ids.ts';
import { type BadLines, badLines } from './bad-lines.ts';
import { csvLines } from './csv.ts';
import { isObject } from './is-object.ts';
import { BLANK, ndjsonLines } from './ndjson.ts';
import type { ImportJob, ImportLine, ImportPorts } from './ports.ts';
import { batchImport, type ImportPayload } from './schema.ts';

/** Tasks of one import. */
export const MAX_LINES = 1_000_000;

/** Lines that are checked and written together. */
const CHUNK = 2_000;

/** The part of the progress that checking is. */
const CHECKED = 0.3;

const FORMATS = { ndjson: ndjsonLines, csv: csvLines };

type Request = { line: number; request: TaskRequest };

/**
 * Makes the kind, with what it needs of the engine. Every line is checked before any is written; written lines have ids of
 * their own, so that an import that is run again goes on where it was.
 */
export function importTask(ports: ImportPorts): TaskDefinition {
  return defineTask({
    ...batchImport,
    async run(payload, context): Promise<Json> {
      const { taskId, attempt } = context;
      const job = await ports.begin(taskId, attempt, payload.batch);
      if (!job) throw new PermanentError('import_over', 'The batch of this import is complete, or gone');
      try {
        return await carryOut(ports, job, payload, context);
      } catch (error) {
        // Nothing will come of it any more; what it has written so far is all there is.
        if (error instanceof PermanentError) await ports.seal(job);
        throw error;
      }
    },
  }) as TaskDefinition;
}

async function carryOut(
  ports: ImportPorts,
  job: ImportJob,
  payload: ImportPayload,
  context: TaskContext,
): Promise<Json> {
  const bad = badLines();
  const lines = await check(ports, job, payload, context, bad);
  if (bad.count() > 0) await ports.report(job, bad.report());
  if (lines === 0 || (bad.count() > 0 && !payload.partial)) throw refused(lines, bad);
  await write(ports, job, payload, context);
  context.signal.throwIfAborted();
  const created = await ports.seal(job);
  // Left behind, it is removed after a day; and an attempt that follows would find the batch complete, and fail.
  await ports.discard(job, payload.upload).catch(() => {});
  context.progress(1, `${created} tasks`);
  const first_bad_lines = bad.spelled('result');
  return { batch: job.batchId, lines, created, bad_lines: bad.count(), first_bad_lines };
}

function refused(lines: number, bad: BadLines): PermanentError {
  if (lines === 0) return new PermanentError('upload_empty', 'The upload has no lines');
  return new PermanentError(
    'lines_invalid',
    `${bad.count()} of ${lines} lines are not in order, and no task was created`,
    { details: { lines, bad_lines: bad.count(), first_bad_lines: bad.spelled('error') } },
  );
}

const tooManyLines = () => new PermanentError('too_many_lines', `There may be ${MAX_LINES} lines`);

/** Reads every line and notes what is wrong. @returns how many lines there are */
async function check(
  ports: ImportPorts,
  job: ImportJob,
  payload: ImportPayload,
  context: TaskContext,
  bad: BadLines,
): Promise<number> {
  const keys = new Set<string>();
  let lines = 0;
  for await (const { chunk, part } of chunks(ports, job, payload, context.signal)) {
    const requests: Request[] = [];
    for (const line of chunk) {
      lines += 1;
      if (lines > MAX_LINES || line.line >= LINES) throw tooManyLines();
      const read = readLine(ports, payload, line);
      if ('errors' in read) bad.add(line.line, read.errors);
      else requests.push({ line: line.line, request: read });
    }
    const wanted = requests.flatMap(({ request }) => request.uniqueKey ?? []);
    const taken = new Set(wanted.length > 0 ? await ports.takenKeys(job, wanted) : []);
    for (const { line, request } of requests) {
      if (request.uniqueKey === null) continue;
      if (taken.has(request.uniqueKey) || keys.has(request.uniqueKey)) bad.add(line, [KEY_TAKEN]);
      keys.add(request.uniqueKey);
    }
    context.progress(CHECKED * part, `${lines} lines checked, ${bad.count()} bad`);
  }
  return lines;
}

/** Writes a task for every line that is in order. */
async function write(
  ports: ImportPorts,
  job: ImportJob,
  payload: ImportPayload,
  context: TaskContext,
): Promise<void> {
  let lines = 0;
  for await (const { chunk, part } of chunks(ports, job, payload, context.signal)) {
    const requests = chunk.flatMap((line): Request[] => {
      const read = readLine(ports, payload, line);
      return 'errors' in read ? [] : [{ line: line.line, request: read }];
    });
    if (requests.length > 0) await ports.insert(job, requests);
    lines += requests.length;
    context.progress(CHECKED + (1 - CHECKED) * part, `${lines} tasks`);
  }
}

const KEY_TAKEN = {
  pointer: '/unique_key',
  detail: 'A live task, or an earlier line, has this key',
};

function readLine(
  { read }: ImportPorts,
  { queue, defaults }: ImportPayload,
  line: ImportLine,
): TaskRequest | { errors: readonly { pointer: string; detail: string }[] } {
  if ('fault' in line) return { errors: [{ pointer: line.pointer ?? '', detail: line.fault }] };
  return read(withDefaults(line.item, defaults), queue);
}

/** What a line does not say, the defaults do; of the payload, field by field. */
function withDefaults(item: unknown, defaults: Record<string, unknown>): unknown {
  if (!isObject(item)) return item;
  const payload =
    isObject(item.payload) && isObject(defaults.payload)
      ? { payload: { ...defaults.payload, ...item.payload } }
      : {};
  return { ...defaults, ...item, ...payload };
}

/** The lines of the upload in chunks, with the part of it that has been read. Gives way between them. */
async function* chunks(
  { open }: ImportPorts,
  job: ImportJob,
  { upload, format }: ImportPayload,
  signal: AbortSignal,
): AsyncGenerator<{ chunk: ImportLine[]; part: number }> {
  const opened = await open(job, upload, signal);
  if (!opened) throw new PermanentError('upload_not_found', 'The upload is not there, or no longer');
  let bytes = 0;
  const counted = (async function* () {
    for await (const piece of opened.content) {
      bytes += piece.length;
      yield piece;
    }
  })();
  let chunk: ImportLine[] = [];
  for await (const line of FORMATS[format](counted)) {
    if ('fault' in line && line.fault === BLANK) continue;
    chunk.push(line);
    if (chunk.length < CHUNK) continue;
    await nextTurn();
    signal.throwIfAborted();
    yield { chunk, part: Math.min(1, bytes / Math.max(1, opened.bytes)) };
    chunk = [];
  }
  signal.throwIfAborted();
  if (chunk.length > 0) yield { chunk, part: 1 };
}
