import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fileTexts } from './file-texts.ts';

/** Reads a file whose content comes in pieces of so many bytes. */
async function read(content: Uint8Array, pieceBytes = 65_536, maxBytes?: number) {
  const file = {
    bytes: content.length,
    content: {
      async *[Symbol.asyncIterator]() {
        for (let at = 0; at < content.length; at += pieceBytes) yield content.subarray(at, at + pieceBytes);
      },
    },
  };
  const shares: number[] = [];
  let text = '';
  for await (const piece of fileTexts(file, maxBytes)()) {
    text += piece.text;
    shares.push(piece.share);
  }
  return { text, shares };
}

test('a text is read as it was written, in whatever pieces its bytes come, packed or not', async () => {
  const pieces = fc.integer({ min: 2, max: 9 });
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1 }), pieces, async (given, pieceBytes) => {
      const text = given
        .replaceAll('\0', ' ')
        .toWellFormed()
        .replace(/^\uFEFF+/, '');
      const bytes = Buffer.from(text);
      for (const content of [bytes, gzipSync(bytes), Buffer.concat([Buffer.from('\uFEFF'), bytes])])
        expect((await read(content, pieceBytes)).text).toBe(text);
    }),
  );
});

test('gzip of several members is one text', async () => {
  expect((await read(Buffer.concat([gzipSync('a,b\n'), gzipSync('1,2\n')]))).text).toBe('a,b\n1,2\n');
});

test('the share that was read grows up to the whole, by packed bytes', async () => {
  const noise = Array.from({ length: 200_000 }, (_, at) => (at * 2_654_435_761) % 4_294_967_296).join('\n');
  const { shares } = await read(gzipSync(noise));
  expect(shares.length).toBeGreaterThan(5);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)).toBe(1);
});

describe('refused by the byte', () => {
  test.each([
    ['Latin-1', Buffer.from('caf\u00e9,x', 'latin1'), 3, 'UTF-8'],
    ['half a character at the end', Buffer.from('€').subarray(0, 2), 0, 'UTF-8'],
    [
      'half a character in the middle',
      Buffer.concat([Buffer.from('ab€').subarray(0, 4), Buffer.from('x')]),
      2,
      'UTF-8',
    ],
    ['a lone continuation byte', Buffer.from([0x61, 0x80, 0x61]), 1, 'UTF-8'],
    ['a surrogate', Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x61]), 1, 'UTF-8'],
    ['an overlong form', Buffer.from([0x61, 0xc0, 0xaf, 0x61]), 1, 'UTF-8'],
    ['UTF-16', Buffer.from('ab', 'utf16le'), 1, 'NUL'],
  ])('%s, in whatever pieces it comes', async (_what, content, byte, rule) => {
    for (const pieceBytes of [1, 2, 3, 65_536]) {
      await expect(read(content, pieceBytes)).rejects.toMatchObject({
        name: 'PermanentError',
        code: 'file_invalid',
        details: { byte, rule: expect.stringContaining(rule) },
      });
    }
  });
});

describe('refused', () => {
  const packed = gzipSync('a,b\n'.repeat(10_000));
  const damaged = Buffer.from(packed);
  damaged.fill(0xff, 30, 40);

  test.each([
    ['gzip that breaks off', packed.subarray(0, packed.length - 9), 'breaks off'],
    ['damaged gzip', damaged, 'damaged'],
  ])('%s', async (_what, content, rule) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'file_invalid',
      details: { rule: expect.stringContaining(rule) },
    });
  });

  test('a content above the limit, at the byte, and a bomb long before its end', async () => {
    expect((await read(Buffer.from('abcd'), 65_536, 4)).text).toBe('abcd');
    await expect(read(Buffer.from('abcde'), 65_536, 4)).rejects.toThrow('at most 4 bytes, unpacked');
    const bomb = gzipSync(Buffer.alloc(300_000_000, 'a,'));
    expect(bomb.length).toBeLessThan(400_000);
    const before = process.memoryUsage().rss;
    await expect(read(bomb, 65_536, 1_000_000)).rejects.toThrow('at most 1000000 bytes, unpacked');
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
  });

  test('with the error of the storage, when that does not answer', async () => {
    const storage = new Error('no answer');
    const file = {
      bytes: 9,
      content: {
        async *[Symbol.asyncIterator]() {
          yield packed.subarray(0, 20);
          throw storage;
        },
      },
    };
    const reading = async () => {
      for await (const _ of fileTexts(file)());
    };
    await expect(reading()).rejects.toBe(storage);
  });
});
