import { describe, expect, test } from 'vitest';
import { PermanentError } from '../../define-task.ts';
import { csvLines } from './csv.ts';
import type { ImportLine } from './ports.ts';

/** Yields pieces of a few bytes, so that characters are split. */
async function* pieces(content: string | Uint8Array): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(content);
  for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
}

async function all(lines: AsyncIterable<ImportLine>): Promise<ImportLine[]> {
  const found: ImportLine[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

async function linesOf(content: string | Uint8Array): Promise<ImportLine[]> {
  return all(csvLines(pieces(content)));
}

const failureOf = (content: string | Uint8Array) => linesOf(content).catch((error: unknown) => error);

test('rows become tasks, whichever way their payload is written', async () => {
  expect(await linesOf('name,payload,payload.csv\nÄ 🥬,"{""delimiter"":"";""}",a;b\n')).toEqual([
    {
      line: 2,
      item: { name: 'Ä 🥬', payload: { delimiter: ';', csv: 'a;b' } },
      payload: expect.objectContaining({ text: '{"delimiter":";","csv":"a;b"}' }),
    },
  ]);
});

test('a column of a payload field counts, before or after the column of the payload', async () => {
  expect(await linesOf('name,payload.csv,payload\na,b,"{""csv"":""c"",""delimiter"":"";""}"\n')).toEqual([
    {
      line: 2,
      item: { name: 'a', payload: { csv: 'b', delimiter: ';' } },
      payload: expect.objectContaining({ text: '{"csv":"b","delimiter":";"}' }),
    },
  ]);
});

test('a payload that is no object is not mixed with its fields', async () => {
  expect(await linesOf('name,payload,payload.csv\na,"[1]",b\n')).toEqual([
    { line: 2, pointer: '/payload', fault: 'Must be an object' },
  ]);
});

describe('is refused as a whole', () => {
  for (const [what, content, rule] of [
    ['with a column twice', 'name,kind,name\na,b,c\n', '"name" stands twice in the first row'],
    [
      'with a payload field twice',
      'name,payload.a,payload.a:json\na,b,1\n',
      '"payload.a:json" stands twice in the first row',
    ],
    ['in Latin-1', Buffer.from('name\nM\xfcller\n', 'latin1'), 'must be UTF-8'],
    ['with a character cut off at its end', Buffer.from('name\na🥬').subarray(0, -1), 'must be UTF-8'],
    ['without a first row', '\n\n', 'the first row must name the fields'],
  ] as const) {
    test(what, async () => {
      const failure = await failureOf(content);
      expect(failure).toBeInstanceOf(PermanentError);
      expect(failure).toMatchObject({ code: 'csv_invalid', message: `CSV: ${rule}` });
    });
  }
});

describe('a row is bad', () => {
  for (const [what, cell, pointer, fault] of [
    [
      'with half a surrogate pair in JSON',
      '"{""never_retry"":[""\\ud800""]}"',
      '/retry/never_retry/0',
      'Must not contain a lone surrogate',
    ],
    [
      'with a NUL in JSON',
      '"{""never_retry"":[""\\u0000""]}"',
      '/retry/never_retry/0',
      'Must not contain the NUL character',
    ],
    [
      'nested too deep',
      '['.repeat(200) + ']'.repeat(200),
      `/retry${'/0'.repeat(32)}`,
      'Must be nested at most 32 levels deep',
    ],
  ] as const) {
    test(what, async () => {
      expect(await linesOf(`name,retry\na,${cell}\n`)).toEqual([{ line: 2, pointer, fault }]);
    });
  }
});

test('a cell with invalid JSON is named', async () => {
  expect(await linesOf('name,payload.a/b:json\na,{\n')).toEqual([
    { line: 2, pointer: '/payload/a~1b', fault: 'Must be JSON' },
  ]);
});

test('an upload that cannot be read to its end gives the reason, not a CSV error', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('name\na\n');
    throw new Error('the bucket hung up');
  }
  await expect(all(csvLines(broken()))).rejects.toThrow('the bucket hung up');
});

test('a reader that stops in the middle releases the upload', async () => {
  let released = false;
  async function* long(): AsyncGenerator<Uint8Array> {
    try {
      yield Buffer.from('name\n');
      for (;;) yield Buffer.from('a\n'.repeat(10_000));
    } finally {
      released = true;
    }
  }
  for await (const _ of csvLines(long())) break;
  await expect.poll(() => released).toBe(true);
});
