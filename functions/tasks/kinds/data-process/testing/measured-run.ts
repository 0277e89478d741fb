import process from 'node:process';
import { NO_INPUTS } from '../../../inputs/testing/no-inputs.ts';
import type { OpenArtifact } from '../../../task-artifacts.ts';
import dataProcess from '../run.ts';

/*
 * Runs the kind on a generated file of CSV of so many bytes, and prints the result with the peak of this process's memory:
 *
 *   node measured-run.ts 500000000 '{"group_by": "city"}'
 */

const [, , size = '0', payload = '{}'] = process.argv;
const bytes = Number(size);

const HEAD = Buffer.from('id,city,amount,day,note\n');

/** Rows as text, always the same for the same number. */
function rowsFrom(first: number): Buffer {
  const rows = Array.from({ length: 1_000 }, (_, at) => {
    const id = first + at;
    const day = `2024-0${(id % 9) + 1}-1${id % 10}`;
    return `${id},city ${(id * 7_919) % 500},${(Math.sin(id) * 1_000).toFixed(2)},${day},"note, ${id}"\n`;
  });
  return Buffer.from(rows.join(''));
}

async function* generated(): AsyncGenerator<Uint8Array> {
  yield HEAD;
  for (let [written, id] = [HEAD.length, 0]; written < bytes; id += 1_000) {
    const rows = rowsFrom(id);
    written += rows.length;
    yield rows;
  }
}

const startedAt = performance.now();
const file: OpenArtifact = {
  id: '01990000-0000-7000-8000-000000000000',
  name: 'x.csv',
  mediaType: 'text/csv',
  bytes,
  sha256: '',
  content: { [Symbol.asyncIterator]: generated },
};
const result = await dataProcess.perform(
  { artifact: file.id, ...JSON.parse(payload) },
  {
    signal: new AbortController().signal,
    taskId: '0',
    attempt: 1,
    idempotencyKey: '0',
    deadline: new Date(),
    inputs: NO_INPUTS,
    fetch: () => Promise.reject(new Error('no network here')),
    artifacts: {
      open: async () => file,
      create: () => {
        throw new Error('nothing is written here');
      },
    },
    progress() {},
    log() {},
  },
);
const { records, columns } = result;
console.log(
  JSON.stringify({
    records,
    estimated: columns?.map(({ name, estimated }) => [name, estimated]),
    peakMegabytes: Math.round(process.resourceUsage().maxRSS / 1_000),
    seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  }),
);
