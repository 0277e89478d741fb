import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LOG_LEVELS, type LogLevel } from '../define-task.ts';
import { type HandlerOutput, handlerOutput } from '../handler-output.ts';
import { attemptLog } from './attempt-log.ts';

/** Returns the progress and log functions of a handler, and the kept log. */
function handler() {
  const received: HandlerOutput[] = [];
  const kept = attemptLog();
  const { progress, log } = handlerOutput((output) => {
    received.push(output);
    kept.add(output);
  });
  return { progress, log, received, ...kept };
}

const messages = (kept: ReturnType<typeof handler>) => kept.all().logs?.map(({ message }) => message);

test('an attempt that says nothing leaves nothing', () => {
  expect(handler().all()).toEqual({});
  expect(handler().changes()).toEqual({});
});

test('the last progress counts, between 0 and 1, with a note of at most 200 characters', () => {
  const output = handler();
  output.progress(0.5);
  expect(output.all()).toEqual({ progress: { fraction: 0.5, note: null, at: expect.any(String) } });
  output.progress(7, 'n'.repeat(500));
  const { fraction, note } = output.all().progress ?? {};
  expect([fraction, note?.length]).toEqual([1, 200]);
  output.progress(Number.NaN, 'no number');
  expect(output.all().progress?.fraction).toBe(1);
  output.progress(-3);
  expect(output.all().progress?.fraction).toBe(0);
});

test('a line is kept as it was logged, with its fields', () => {
  const output = handler();
  output.log('warn', 'low on paper', { sheets: 3, trays: ['a'] });
  expect(output.all().logs).toEqual([
    { at: expect.any(String), level: 'warn', message: 'low on paper', fields: { sheets: 3, trays: ['a'] } },
  ]);
});

test('a long message is cut, and large fields are left out', () => {
  const output = handler();
  output.log('info', 'm'.repeat(5_000), { text: 'x'.repeat(3_000) });
  const [line] = output.all().logs ?? [];
  expect(line?.message).toHaveLength(1_000);
  expect(line?.fields).toEqual({ left_out: '3011 bytes of fields' });
});

test('values that are no JSON, or that Postgres cannot store, do not make the handler fail', () => {
  const output = handler();
  const circle: Record<string, never> = {};
  Object.assign(circle, { circle });
  output.log('info', 'a circle', circle);
  output.log('loud' as LogLevel, 'bad \u0000 byte', { '\u0000': '\ud800' });
  expect(output.all().logs).toMatchObject([
    { fields: { left_out: 'fields that are not JSON' } },
    { level: 'info', message: 'bad \ufffd byte', fields: { '\ufffd': '\ufffd' } },
  ]);
});

test('of more than a hundred lines the least important go first, of these the oldest, and the first line says how many', () => {
  const output = handler();
  output.log('error', 'the first');
  for (let i = 0; i < 150; i += 1) output.log('debug', `detail ${i}`);
  output.log('info', 'the last');
  const kept = messages(output);
  expect(kept?.slice(0, 3)).toEqual(['52 lines are left out', 'the first', 'detail 52']);
  expect(kept?.at(-1)).toBe('the last');
  expect(kept).toHaveLength(101);
});

test('a handler that never stops logging gets a thousand lines passed on, and the others are counted', () => {
  const output = handler();
  for (let i = 0; i < 5_000; i += 1) output.log('info', `${i}`);
  expect(output.received.flatMap(({ lines }) => lines)).toHaveLength(1_000);
  expect(messages(output)?.[0]).toBe('4900 lines are left out');
});

test('however much is logged, what is kept has at most a hundred lines in 16 KB, and a mark of the rest', () => {
  const line = fc.record({
    level: fc.constantFrom(...LOG_LEVELS),
    message: fc.string({ maxLength: 1_500, unit: 'binary' }),
    fields: fc.option(fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<never>)),
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20, size: 'max' }), fc.integer({ max: 20 }), (lines, times) => {
      const output = handler();
      for (let i = 0; i < times; i += 1) {
        for (const { level, message, fields } of lines) output.log(level, message, fields ?? {});
      }
      const kept = output.all().logs ?? [];
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

test('lines that were only counted are reported, too, even without other lines', () => {
  const { add, changes, all } = attemptLog();
  const counted = (count: number) => [
    { message: `${count} lines are left out`, fields: { left_out: count } },
  ];
  for (const count of [1, 2]) {
    add({ progress: null, lines: [], leftOut: 1 });
    expect(changes().logs).toMatchObject(counted(count));
    expect(all().logs).toMatchObject(counted(count));
  }
});

test('a report has the changes since the last report', () => {
  const output = handler();
  output.progress(0.1);
  output.log('info', 'one');
  expect(output.changes()).toMatchObject({ progress: { fraction: 0.1 }, logs: [{ message: 'one' }] });
  expect(output.changes()).toEqual({});
  output.progress(0.2);
  expect(output.changes()).toEqual({ progress: expect.objectContaining({ fraction: 0.2 }) });
  output.log('info', 'two');
  expect(output.changes()).toEqual({
    logs: [expect.anything(), expect.objectContaining({ message: 'two' })],
  });
  expect(messages(output)).toEqual(['one', 'two']);
});
