import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LOG_LEVELS, type LogLevel } from '../define-task.ts';
import { type Said, voice } from '../handler-output.ts';
import { journal } from './attempt-log.ts';

/** A handler's voice, and what is kept of it. */
function handler() {
  const heard: Said[] = [];
  const kept = journal();
  const { progress, log } = voice((said) => {
    heard.push(said);
    kept.hear(said);
  });
  return { progress, log, heard, ...kept };
}

const messages = (kept: ReturnType<typeof handler>) => kept.kept().logs?.map(({ message }) => message);

test('an attempt that says nothing leaves nothing', () => {
  expect(handler().kept()).toEqual({});
  expect(handler().news()).toEqual({});
});

test('the last progress counts, between 0 and 1, with a note of at most 200 characters', () => {
  const said = handler();
  said.progress(0.5);
  expect(said.kept()).toEqual({ progress: { fraction: 0.5, note: null, at: expect.any(String) } });
  said.progress(7, 'n'.repeat(500));
  const { fraction, note } = said.kept().progress ?? {};
  expect([fraction, note?.length]).toEqual([1, 200]);
  said.progress(Number.NaN, 'no number');
  expect(said.kept().progress?.fraction).toBe(1);
  said.progress(-3);
  expect(said.kept().progress?.fraction).toBe(0);
});

test('a line is kept as it was said, with its fields', () => {
  const said = handler();
  said.log('warn', 'low on paper', { sheets: 3, trays: ['a'] });
  expect(said.kept().logs).toEqual([
    { at: expect.any(String), level: 'warn', message: 'low on paper', fields: { sheets: 3, trays: ['a'] } },
  ]);
});

test('a long message is cut, and large fields are left out', () => {
  const said = handler();
  said.log('info', 'm'.repeat(5_000), { text: 'x'.repeat(3_000) });
  const [line] = said.kept().logs ?? [];
  expect(line?.message).toHaveLength(1_000);
  expect(line?.fields).toEqual({ left_out: '3011 bytes of fields' });
});

test('what is no JSON, or what Postgres cannot store, does not make the handler fail', () => {
  const said = handler();
  const circle: Record<string, never> = {};
  Object.assign(circle, { circle });
  said.log('info', 'a circle', circle);
  said.log('loud' as LogLevel, 'bad \u0000 byte', { '\u0000': '\ud800' });
  expect(said.kept().logs).toMatchObject([
    { fields: { left_out: 'fields that are not JSON' } },
    { level: 'info', message: 'bad \ufffd byte', fields: { '\ufffd': '\ufffd' } },
  ]);
});

test('of more than a hundred lines the least important go first, of these the oldest, and the first line says how many', () => {
  const said = handler();
  said.log('error', 'the first');
  for (let i = 0; i < 150; i += 1) said.log('debug', `detail ${i}`);
  said.log('info', 'the last');
  const kept = messages(said);
  expect(kept?.slice(0, 3)).toEqual(['52 lines are left out', 'the first', 'detail 52']);
  expect(kept?.at(-1)).toBe('the last');
  expect(kept).toHaveLength(101);
});

test('a handler that never stops talking is heard for a thousand lines, and the others are counted', () => {
  const said = handler();
  for (let i = 0; i < 5_000; i += 1) said.log('info', `${i}`);
  expect(said.heard.flatMap(({ lines }) => lines)).toHaveLength(1_000);
  expect(messages(said)?.[0]).toBe('4900 lines are left out');
});

test('however much is said, what is kept has at most a hundred lines in 16 KB, and a mark of the rest', () => {
  const line = fc.record({
    level: fc.constantFrom(...LOG_LEVELS),
    message: fc.string({ maxLength: 1_500, unit: 'binary' }),
    fields: fc.option(fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<never>)),
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20, size: 'max' }), fc.integer({ max: 20 }), (lines, times) => {
      const said = handler();
      for (let i = 0; i < times; i += 1) {
        for (const { level, message, fields } of lines) said.log(level, message, fields ?? {});
      }
      const kept = said.kept().logs ?? [];
      const marks = kept.filter(
        (each) => each.fields?.left_out !== undefined && /left out$/.test(each.message),
      );
      const own = kept.slice(marks.length > 0 ? 1 : 0);
      expect(own.length).toBeLessThanOrEqual(100);
      expect(Buffer.byteLength(JSON.stringify(own))).toBeLessThanOrEqual(16 * 1024 + own.length + 1);
    }),
    { numRuns: 30 },
  );
});

test('lines that were only counted are news, too, and kept though there is no other', () => {
  const { hear, news, kept } = journal();
  const counted = (count: number) => [
    { message: `${count} lines are left out`, fields: { left_out: count } },
  ];
  for (const count of [1, 2]) {
    hear({ progress: null, lines: [], leftOut: 1 });
    expect(news().logs).toMatchObject(counted(count));
    expect(kept().logs).toMatchObject(counted(count));
  }
});

test('news are what has changed since they were last asked for', () => {
  const said = handler();
  said.progress(0.1);
  said.log('info', 'one');
  expect(said.news()).toMatchObject({ progress: { fraction: 0.1 }, logs: [{ message: 'one' }] });
  expect(said.news()).toEqual({});
  said.progress(0.2);
  expect(said.news()).toEqual({ progress: expect.objectContaining({ fraction: 0.2 }) });
  said.log('info', 'two');
  expect(said.news()).toEqual({ logs: [expect.anything(), expect.objectContaining({ message: 'two' })] });
  expect(messages(said)).toEqual(['one', 'two']);
});
