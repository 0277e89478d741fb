import { createHash } from 'node:crypto';
import process from 'node:process';
import { NO_INPUTS } from '../../../inputs/testing/no-inputs.ts';
import type { TaskArtifacts } from '../../../task-artifacts.ts';
import { FILE } from './perform.ts';

/*
 * Processes a generated text of so many megabytes, and prints the result, the largest memory and the time as JSON:
 * `node --max-old-space-size=64 long-text.ts <megabytes> <operations as JSON>`. The output is counted, not kept.
 */

const { default: textProcess } = await import('../run.ts');

const [megabytes = '', operations = ''] = process.argv.slice(2);
const LINE = 'The quick brown fox jumps over the lazy dog: 3.5 times, on 2026-11-29. Größe “été” 東京.\n';
const PIECE = Buffer.from(LINE.repeat(650));
const pieces = Math.ceil((Number(megabytes) * 1e6) / PIECE.length);

let written = 0;
const hash = createHash('sha256');
const artifacts: TaskArtifacts = {
  open: async (id) => ({
    ...{ id, name: 'long.txt', mediaType: 'text/plain', bytes: pieces * PIECE.length, sha256: '' },
    content: (async function* () {
      for (let piece = 0; piece < pieces; piece += 1) yield PIECE;
    })(),
  }),
  create({ name, mediaType }) {
    const write = async (piece: Uint8Array | string) => {
      hash.update(piece);
      written += Buffer.byteLength(piece);
    };
    const end = async () => ({
      id: FILE,
      name,
      mediaType,
      bytes: written,
      sha256: hash.copy().digest('hex'),
    });
    return { write, end, abort: async () => {}, put: () => Promise.reject(new Error('not used')) };
  },
};

const began = performance.now();
const result = await textProcess.perform(
  { source: { artifact: FILE }, operations: JSON.parse(operations) },
  {
    ...{
      signal: new AbortController().signal,
      taskId: '0',
      attempt: 1,
      idempotencyKey: '0',
      deadline: new Date(),
    },
    ...{ artifacts, progress() {}, log() {} },
    inputs: NO_INPUTS,
    fetch: () => Promise.reject(new Error('No network in this test')),
  },
);
console.log(
  JSON.stringify({
    result,
    lines: pieces * 650,
    bytes: pieces * PIECE.length,
    written,
    memoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    seconds: Number(((performance.now() - began) / 1000).toFixed(1)),
  }),
);
