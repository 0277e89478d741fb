import { expect, test } from 'vitest';
import { JsonText } from '../../../exact-json/json-text.ts';
import { memoryTaskArtifacts } from '../../artifacts/testing/memory-task-artifacts.ts';
import { AttemptAborted } from '../../attempt-aborted.ts';
import { NO_INPUTS } from '../../inputs/testing/no-inputs.ts';
import { lineEndCounter } from './line-ends.ts';
import type { ImportPorts } from './ports.ts';
import { importTask, MAX_LINE_ENDS } from './run.ts';

const JOB = {
  taskId: 't',
  attempt: 1,
  organizationId: 'o',
  createdBy: null,
  mayWrite: true,
  etag: null,
  batchId: crypto.randomUUID(),
  written: 0,
};

/** Imports a content, and returns how many lines its chunks had. */
async function imported(
  content: () => AsyncIterable<Uint8Array>,
  {
    format = 'ndjson',
    signal = new AbortController().signal,
  }: { format?: string; signal?: AbortSignal } = {},
) {
  const chunks: number[] = [];
  const unused = () => Promise.reject(new Error('not needed here'));
  const ports: ImportPorts = {
    begin: async () => JOB,
    open: async () => ({ bytes: 1, etag: '', content: content() }),
    read: () => ({ uniqueKey: null }) as ReturnType<ImportPorts['read']>,
    takenUniqueKeys: async () => [],
    unmet: async () => new Map(),
    async insert(_job, lines) {
      chunks.push(lines.length);
      return new Map();
    },
    missing: unused,
    seal: async () => chunks.reduce((sum, count) => sum + count, 0),
    report: async () => {},
    discard: async () => {},
  };
  const payload = JsonText.of({
    batch: JOB.batchId,
    upload: crypto.randomUUID(),
    format,
    queue: 'bulk',
    defaults: {},
    partial: false,
  });
  const result = await importTask(ports).perform(payload, {
    signal,
    taskId: 't',
    attempt: 1,
    idempotencyKey: 't',
    deadline: new Date(),
    fetch: unused,
    artifacts: memoryTaskArtifacts(),
    inputs: NO_INPUTS,
    progress: () => {},
    log: () => {},
  });
  return { result, chunks };
}

/** Yields a text many times, then `end`. All pieces are there at once, like those of an object whose part was fetched. */
async function* repeated(text: string, times: number, end = ''): AsyncGenerator<Uint8Array> {
  const piece = Buffer.from(text.repeat(Math.floor(65_536 / text.length)));
  let left = times * text.length;
  for (; left >= piece.length; left -= piece.length) yield piece;
  yield piece.subarray(0, left);
  yield Buffer.from(end);
}

for (const format of ['ndjson', 'csv']) {
  test(`an import of empty lines alone gives way to others, and stops when it is asked to, as ${format}`, async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new AttemptAborted('cancelled', 'Stopped')), 0);
    const endless = () => repeated('\n', MAX_LINE_ENDS);
    await expect(imported(endless, { format, signal: controller.signal })).rejects.toThrow('Stopped');
  });
}

for (const [what, end] of [
  ['LF', '\n'],
  ['CR LF', '\r\n'],
  ['CR', '\r'],
] as const) {
  test(`an import has a maximum number of line ends, with ${what}`, async () => {
    const { result } = await imported(() => repeated(end, MAX_LINE_ENDS - 2, `{}${end}{}${end}`));
    expect(result).toMatchObject({ lines: 2, created: 2 });
    await expect(imported(() => repeated(end, MAX_LINE_ENDS - 1, `{}${end}{}${end}`))).rejects.toMatchObject({
      code: 'too_many_lines',
    });
  });
}

test('long lines are checked and written in chunks of few megabytes', async () => {
  const line = `{"a":"${'x'.repeat(200_000)}"}\n`;
  const piece = Buffer.from(line);
  const lines = 100;
  const { chunks } = await imported(async function* () {
    for (let n = 0; n < lines; n += 1)
      for (let at = 0; at < piece.length; at += 65_536) yield piece.subarray(at, at + 65_536);
  });
  expect(chunks.reduce((sum, count) => sum + count, 0)).toBe(lines);
  expect(Math.max(...chunks) * piece.length).toBeLessThan(5_000_000);
});

test('line ends are counted alike, however a text is cut', () => {
  const text = 'a\r\nb\rc\n\n\r\r\n\r\nd';
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    const count = lineEndCounter();
    let last = 0;
    for (let at = 0; at < bytes.length; at += size) last = count(bytes.subarray(at, at + size));
    expect([size, last]).toEqual([size, 7]);
  }
});
