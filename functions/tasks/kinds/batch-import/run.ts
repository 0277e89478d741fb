import { setImmediate as nextTurn } from 'node:timers/promises';
import { JsonText } from '../../../exact-json/json-text.ts';
import {
  defineTask,
  type Json,
  PermanentError,
  type TaskContext,
  type TaskDefinition,
} from '../../define-task.ts';
import { isMeant } from '../../failure.ts';
import type { TaskRequest } from '../../new-task.ts';
import { type BadLines, badLines } from './bad-lines.ts';
import { importForbidden } from './failures.ts';
import { isObject } from './is-object.ts';
import { lineEndCounter } from './line-ends.ts';
import { DEPENDENCY_LOST, KEY_TAKEN, type LineError } from './line-errors.ts';
import { BLANK, ndjsonLines } from './ndjson.ts';
import type { ImportJob, ImportLine, ImportPorts } from './ports.ts';
import { batchImport, type ImportPayload } from './schema.ts';

/** Upper bound of the tasks of one import. */
export const MAX_LINES = 1_000_000;

/** Upper bound of the line ends of an upload, including those of empty lines and inside quotes. */
export const MAX_LINE_ENDS = 4 * MAX_LINES;

/** Lines that are checked and written together. A chunk also ends after so many bytes of the upload. */
const CHUNK = 2_000;
const CHUNK_BYTES = 4_194_304;

/** Share of the progress that the check takes. */
const CHECKED = 0.3;

/**
 * Readers of the formats. The CSV parser is loaded only when it is needed, so that other invocations of the worker start without
 * it.
 */
const FORMATS = {
  ndjson: async () => ndjsonLines,
  csv: async () => (await import('./csv.ts')).csvLines,
};

type Request = { line: number; request: TaskRequest };

/** An attempt of an import. */
type Import = {
  ports: ImportPorts;
  job: ImportJob;
  payload: ImportPayload;
  context: TaskContext;
  /** Collects the invalid lines. */
  bad: BadLines;
};

/**
 * Makes the kind `batch.import` on the given ports. Every line is checked before any line is written. The id of a task follows
 * from its line, so an import that runs again continues where it stopped.
 */
export function importTask(ports: ImportPorts): TaskDefinition {
  return defineTask({
    ...batchImport,
    async run(payload, context): Promise<Json> {
      const { taskId, attempt } = context;
      const job = await ports.begin(taskId, attempt, payload.batch);
      if (!job) throw new PermanentError('import_over', 'The batch of this import is gone, or another’s');
      // An earlier attempt wrote everything, and died before it could report.
      if ('created' in job) {
        context.progress(1, `${job.created} tasks`);
        return { batch: payload.batch, created: job.created };
      }
      try {
        return await carryOut({ ports, job, payload, context, bad: badLines() });
      } catch (error) {
        // Only a retry by a person can continue this import. Until then the batch consists of what is written.
        if (error instanceof PermanentError) await ports.seal(job);
        // Messages of the database or the bucket belong into the log, not into the answer to the caller.
        throw isMeant(error) ? error : new Error('The import was interrupted', { cause: error });
      }
    },
  }) as TaskDefinition;
}

async function carryOut(batch: Import): Promise<Json> {
  const { ports, job, payload, context, bad } = batch;
  if (!job.mayWrite) throw importForbidden();
  // After the first written line, an import of all lines or none needs no second check. With `partial`, the check runs again to
  // list the bad lines.
  if (job.written === 0 || payload.partial) {
    const lines = await check(batch);
    if (bad.count() > 0) await ports.report(job, bad.report());
    if (lines === 0 || (bad.count() > 0 && !payload.partial)) throw refused(lines, bad);
  }
  const found = bad.count();
  const { lines, last } = await write(batch);
  if (bad.count() > found) await ports.report(job, bad.report());
  context.signal.throwIfAborted();
  const created = await ports.seal(job, last);
  // If this fails, the upload is removed after a day.
  await ports.discard(job, payload.upload).catch(() => {});
  context.progress(1, `${created} tasks`);
  const first_bad_lines = bad.spelled('result');
  return { batch: job.batchId, lines, created, bad_lines: bad.count(), first_bad_lines };
}

function refused(lines: number, bad: BadLines): PermanentError {
  if (lines === 0) return new PermanentError('upload_empty', 'The upload has no lines');
  return new PermanentError(
    'lines_invalid',
    `${bad.count()} of ${lines} lines are invalid, and no task was created`,
    { details: { lines, bad_lines: bad.count(), first_bad_lines: bad.spelled('error') } },
  );
}

const tooManyLines = () =>
  new PermanentError('too_many_lines', `The upload has more than ${MAX_LINES} lines, which is the maximum`);

const tooManyLineEnds = () =>
  new PermanentError(
    'too_many_lines',
    `The upload has more than ${MAX_LINE_ENDS} line ends, with those of empty lines and inside quotes`,
  );

/** Checks every line and collects the errors. @returns the number of lines */
async function check(batch: Import): Promise<number> {
  const { ports, job, payload, context, bad } = batch;
  const keys = new Set<string>();
  let count = 0;
  for await (const { chunk, part, lines } of chunks(batch)) {
    const requests: Request[] = [];
    for (const line of chunk) {
      const read = readLine(ports, payload, line);
      if ('errors' in read) bad.add(line.line, read.errors);
      else requests.push({ line: line.line, request: read });
    }
    const wanted = requests.flatMap(({ request }) => request.uniqueKey ?? []);
    const taken = new Set(wanted.length > 0 ? await ports.takenUniqueKeys(job, wanted) : []);
    for (const { line, request } of requests) {
      if (request.uniqueKey === null) continue;
      const isTaken = taken.has(request.uniqueKey) || keys.has(request.uniqueKey);
      // For lines that are written or were left out, the answer is known already.
      if (isTaken && line > job.written) bad.add(line, [KEY_TAKEN]);
      keys.add(request.uniqueKey);
    }
    const able = requests.filter(({ line }) => line > job.written && !bad.has(line));
    for (const [line, errors] of await ports.unmet(job, able)) bad.add(line, errors);
    context.progress(CHECKED * part, `${lines} lines checked, ${bad.count()} invalid`);
    count = lines;
  }
  return count;
}

/** Writes a task for every valid line, and collects the lines that get no task after all. @returns what it has read */
async function write(batch: Import): Promise<{ lines: number; last: number }> {
  const { ports, job, payload, context, bad } = batch;
  const read = { lines: 0, last: 0 };
  for await (const { chunk, part, lines } of chunks(batch)) {
    const [before, now]: [ImportLine[], Request[]] = [[], []];
    for (const line of chunk) {
      read.last = line.line;
      if (bad.has(line.line)) continue;
      if (line.line <= job.written) {
        before.push(line);
        continue;
      }
      const request = readLine(ports, payload, line);
      if ('errors' in request) bad.add(line.line, request.errors);
      else now.push({ line: line.line, request });
    }
    if (before.length > 0) {
      const numbers = before.map(({ line }) => line);
      const missing = await ports.missing(job, numbers);
      for (const line of before)
        if (missing.has(line.line)) bad.add(line.line, whyLeftOut(ports, payload, line));
    }
    for (const [line, errors] of now.length > 0 ? await ports.insert(job, now) : []) bad.add(line, errors);
    read.lines = lines;
    context.progress(CHECKED + (1 - CHECKED) * part, `${lines} lines written`);
  }
  return read;
}

/** Returns the reason for which an earlier attempt left a line out. The line was valid when it was checked. */
function whyLeftOut(ports: ImportPorts, payload: ImportPayload, line: ImportLine): LineError[] {
  const read = readLine(ports, payload, line);
  return 'errors' in read || read.uniqueKey !== null ? [KEY_TAKEN] : [DEPENDENCY_LOST];
}

function readLine(
  { read }: ImportPorts,
  { queue, defaults }: ImportPayload,
  line: ImportLine,
): TaskRequest | { errors: readonly LineError[] } {
  if ('fault' in line) return { errors: [{ pointer: line.pointer ?? '', detail: line.fault }] };
  return read(withDefaults(line.item, defaults.value), queue, payloadWithDefaults(line.payload, defaults));
}

/** Fills absent fields of a line from the defaults. The payload is merged field by field. */
function withDefaults(item: unknown, defaults: unknown): unknown {
  if (!isObject(item) || !isObject(defaults)) return item;
  const payload =
    isObject(item.payload) && isObject(defaults.payload)
      ? { payload: { ...defaults.payload, ...item.payload } }
      : {};
  return { ...defaults, ...item, ...payload };
}

/** Fills absent members of the payload's text from the defaults. */
function payloadWithDefaults(payload: JsonText | undefined, defaults: JsonText): JsonText | undefined {
  const byDefault = defaults.members().get('payload');
  if (!byDefault || !payload) return payload ?? byDefault;
  return JsonText.object(new Map([...byDefault.members(), ...payload.members()]));
}

/**
 * Yields the lines of the upload in chunks, with the share of the upload and the number of lines read so far. Yields to the event
 * loop between chunks.
 */
async function* chunks({
  ports,
  job,
  payload: { upload, format },
  context: { signal },
}: Import): AsyncGenerator<{ chunk: ImportLine[]; part: number; lines: number }> {
  const opened = await ports.open(job, upload, signal);
  if (!opened) throw new PermanentError('upload_not_found', 'The upload does not exist, or was deleted');
  let bytes = 0;
  const ends = lineEndCounter();
  const counted = (async function* () {
    for await (const piece of opened.content) {
      // The pieces are there already. Without a pause, pieces without a line would follow each other without a turn of the event
      // loop.
      await nextTurn();
      signal.throwIfAborted();
      bytes += piece.length;
      if (ends(piece) > MAX_LINE_ENDS) throw tooManyLineEnds();
      yield piece;
    }
  })();
  let lines = 0;
  let [chunk, chunkBegan]: [ImportLine[], number] = [[], 0];
  for await (const line of (await FORMATS[format]())(counted)) {
    if ('fault' in line && line.fault === BLANK) continue;
    lines += 1;
    if (lines > MAX_LINES) throw tooManyLines();
    chunk.push(line);
    if (chunk.length < CHUNK && bytes - chunkBegan < CHUNK_BYTES) continue;
    await nextTurn();
    signal.throwIfAborted();
    yield { chunk, part: Math.min(1, bytes / Math.max(1, opened.bytes)), lines };
    [chunk, chunkBegan] = [[], bytes];
  }
  signal.throwIfAborted();
  if (chunk.length > 0) yield { chunk, part: 1, lines };
}
