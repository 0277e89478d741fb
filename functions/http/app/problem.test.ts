import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from '../../database/connect.ts';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { type FieldError, Refusal } from '../../refusal.ts';
import { PROBLEM_LIMITS } from '../../shortened.ts';
import { apiFunction, type Client } from '../testing/api-function.ts';
import { createApp } from './app.ts';
import { Problem, problemOf } from './problem.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
  ada = await api.register();
});
afterAll(() => on.close());

/** RFC 6901, section 3. */
const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;

/** Returns the value that a pointer refers to, as section 4 says. */
function resolve(document: unknown, pointer: string): unknown {
  const tokens = pointer.split('/').slice(1);
  return tokens.reduce<unknown>((value, token) => {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) {
      throw new Error(`${pointer} points nowhere`);
    }
    return Object.getOwnPropertyDescriptor(value, key)?.value;
  }, document);
}

const bodies = fc.record(
  {
    name: fc.oneof(fc.constant('Task'), fc.integer(), fc.constant(null), fc.array(fc.string())),
    description: fc.oneof(fc.string(), fc.boolean()),
    max_retries: fc.oneof(fc.nat(100), fc.string(), fc.double(), fc.constant({})),
    scheduled_time: fc.oneof(fc.constant('2026-01-01T00:00:00Z'), fc.integer(), fc.string()),
    payload: fc.oneof(
      fc.integer(),
      fc.record({
        records: fc.array(
          fc.dictionary(
            fc.constantFrom('a', 'a/b', 'm~n', '~1', '/', '//', '~', 'constructor', '0'),
            fc.oneof(fc.integer(), fc.constant({ nested: true }), fc.constant([])),
          ),
          { maxLength: 3 },
        ),
      }),
    ),
    'un/known~field': fc.constant(1),
  },
  { requiredKeys: [] },
);

describe('the errors of a problem', () => {
  test('are valid JSON pointers to sent or missing fields', async () => {
    let pointed = 0;
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        // The kind is always wrong, so that nothing is created.
        const { status, body: problem } = await ada.ask('POST', '/api/tasks/', { ...body, kind: 7 });
        expect(status).toBe(400);
        for (const { in: where, pointer } of problem.errors) {
          expect(where).toBe('body');
          expect(pointer).toMatch(POINTER);
          if (pointer === '/name' && body.name === undefined) continue;
          resolve({ ...body, kind: 7 }, pointer);
          pointed += 1;
        }
      }),
      { numRuns: 300 },
    );
    expect(pointed).toBeGreaterThan(300);
  });

  test('point to the exact invalid cell of a payload', async () => {
    const cells = fc.tuple(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), fc.nat(5));
    await fc.assert(
      fc.asyncProperty(cells, async ([column, row]) => {
        fc.pre(column.trim() !== '' && column !== '__proto__');
        const records: object[] = Array.from({ length: 6 }, () => ({ good: 1 }));
        const wrong = ['here'];
        records[row] = { ...records[row], [column]: wrong };
        const body = { name: 'Task', payload: { records } };
        const { status, body: problem } = await ada.ask('POST', '/api/tasks/', body);
        expect(status).toBe(400);
        expect(problem.errors).toHaveLength(1);
        expect(problem.errors[0].pointer).toMatch(POINTER);
        expect(resolve(body, problem.errors[0].pointer)).toBe(wrong);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a problem stays small', () => {
  test('for anything that was thrown', () => {
    const tokens = fc.string({ unit: 'binary', maxLength: 400 });
    const fields: fc.Arbitrary<FieldError[]> = fc.array(
      fc.record({
        in: fc.constantFrom('body', 'query'),
        pointer: fc
          .array(tokens, { maxLength: 5 })
          .map((path) => path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')),
        detail: fc.string({ unit: 'binary', maxLength: 2000 }),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(fields, fc.string({ unit: 'binary', maxLength: 2000 }), (given, message) => {
        const body = problemOf(new Refusal('invalid', 'invalid_request', message, {}, given));
        const { errors = [], more_errors = 0, detail, error } = Problem.parse(body);
        expect(errors.length + more_errors).toBe(given.length);
        expect(errors.length).toBeLessThanOrEqual(PROBLEM_LIMITS.errors);
        for (const [index, each] of errors.entries()) {
          expect(each.pointer).toMatch(POINTER);
          expect(each.pointer.length).toBeLessThanOrEqual(PROBLEM_LIMITS.pointer);
          // The exact place, or a place that contains it.
          expect(`${given[index]?.pointer}/`).toContain(`${each.pointer}/`);
          expect(each.detail.length).toBeLessThanOrEqual(PROBLEM_LIMITS.text);
        }
        expect(error).toBe(detail);
        expect(detail.length).toBeLessThanOrEqual(PROBLEM_LIMITS.text);
        expect(detail.isWellFormed()).toBe(true);
      }),
    );
  });

  test('when a body has eighty thousand unknown fields', async () => {
    const body = Object.fromEntries(Array.from({ length: 80_000 }, (_, i) => [`f${i}`, 0]));
    const { status, body: problem } = await ada.ask('POST', '/api/tasks/', { name: 'Task', ...body });
    expect([status, problem.errors.length, problem.more_errors]).toEqual([400, 20, 79_980]);
    expect(problem.errors[0]).toEqual({ in: 'body', pointer: '/f0', detail: 'Unknown field' });
  });

  test('when the name of a field is very long', async () => {
    const name = 'x'.repeat(500_000);
    const { status, body: problem } = await ada.ask('POST', '/api/tasks/', { name: 'Task', [name]: 1 });
    expect([status, problem.errors]).toEqual([
      400,
      [{ in: 'body', pointer: '', detail: 'Unknown field (under a long name in here)' }],
    ]);
    expect(problem.detail).toMatch(/^x+…x+: Unknown field$/);
  });
});

test('the answer to a fault does not show its cause', () => {
  const body = problemOf(new Error('connection to 10.0.0.7 lost'), 'request-1');
  expect(body).toMatchObject({ status: 500, code: 'internal', request_id: 'request-1' });
  expect(JSON.stringify(body)).not.toContain('10.0.0.7');
});

test.each([
  '25006',
  '57P01',
  '57P03',
  '08006',
  '53300',
  'CONNECTION_CLOSED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
])('a database that cannot serve at the moment (%s) is no fault: the client is told to ask again', (code) => {
  const lost = Object.assign(new Error('connection to 10.0.0.7 lost'), { code });
  for (const thrown of [lost, new Error('Failed query', { cause: lost })]) {
    const body = problemOf(thrown, 'request-1');
    expect(body).toMatchObject({ status: 503, code: 'unavailable' });
    expect(JSON.stringify(body)).not.toContain('10.0.0.7');
  }
});

test('while the database cannot be reached, the answer says when to repeat the request', async () => {
  const away = connect('postgres://celeriac_api:none@127.0.0.1:1/none');
  const app = createApp(() => {});
  app.get('/api/away', async (c) => c.json(await away`select 1`));
  const answer = await app.request('/api/away');
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
  expect(await answer.json()).toMatchObject({ code: 'unavailable' });
  await away.end();
});
