import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Transaction } from '../../database/connect.ts';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { find } from '../../tasks/store/index.ts';
import { apiFunction, type Client } from '../testing/api-function.ts';
import { LAMBDA_ANSWER_BYTES } from './page.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
});
beforeEach(async () => {
  ada = await api.register();
});
afterAll(() => on.close());

const LARGE = ['description', 'payload', 'result', 'error'];

/** Returns the bytes of an answer as Lambda counts them. */
const bytesOf = (body: unknown) => Buffer.byteLength(JSON.stringify({ body: JSON.stringify(body) }));

/** Creates finished tasks with these texts as results, oldest first. */
async function tasksWith(results: readonly string[], given: object = {}): Promise<string[]> {
  const tasks = results.map((_, n) => ({ name: `Task ${n}`, ...given }));
  const { body } = await ada.ask('POST', '/api/tasks/bulk/', { tasks });
  const rows = await on.admin<
    { id: string }[]
  >`select id from tasks where batch_id = ${body.batch.id} order by id`;
  for (const [n, { id }] of rows.entries()) {
    await on.admin`
      update tasks set status = 'COMPLETED', attempt = 1, next_dispatch_at = null, started_at = now(), finished_at = now(),
        result = ${JSON.stringify(results[n])}::jsonb
      where id = ${id}`;
  }
  return rows.map(({ id }) => id);
}

async function* pages(query: string) {
  let cursor: string | null = '';
  while (cursor !== null) {
    const { status, body } = await ada.ask('GET', `/api/tasks/?${query}${cursor && `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    yield body;
    cursor = body.next_cursor;
  }
}

describe('a list of tasks', () => {
  test('has no result, payload, description or error in its rows', async () => {
    await tasksWith(Array.from({ length: 28 }, () => 'x'.repeat(240_000)));
    const { status, body } = await ada.ask('GET', '/api/tasks/');
    expect([status, body.results.length, body.next_cursor]).toEqual([200, 28, null]);
    for (const name of LARGE) expect(body.results[0]).not.toHaveProperty(name);
    expect(body.results[0]).toMatchObject({ name: 'Task 27', error_message: null, status: 'COMPLETED' });
    expect(bytesOf(body)).toBeLessThan(50_000);
  });

  test('reads large columns from the database only when they are requested', async () => {
    const [id = ''] = await tasksWith(['done'], { description: 'Long', payload: { csv: 'a' } });
    await on.admin`update tasks set error = ${JSON.stringify({ code: 'a', message: 'b', more: 'c' })}::jsonb where id = ${id}`;
    const none = { description: false, payload: false, result: false, errorDetails: false };
    const task = await on.admin.begin((tx) => find(tx as unknown as Transaction, id, none));
    expect(task).toMatchObject({ id, description: '', payload: null, result: null });
    expect(task?.error).toEqual({ code: 'a', message: 'b' });
  });

  test('has the requested fields, and the id', async () => {
    const [id = ''] = await tasksWith(['done'], { description: 'Long', payload: { csv: 'a' } });
    const [row] = (await ada.ask('GET', '/api/tasks/?fields=result,description,payload')).body.results;
    expect(row).toEqual({ id, result: 'done', description: 'Long', payload: { csv: 'a' } });
    expect((await ada.ask('GET', '/api/tasks/?fields=status')).body.results).toEqual([
      { id, status: 'COMPLETED' },
    ]);
    const one = (await ada.ask('GET', `/api/tasks/${id}/?fields=result,waiting`)).body;
    expect(one).toEqual({ id, result: 'done', waiting: null });
  });

  test('refuses unknown fields', async () => {
    const [id = ''] = await tasksWith(['done']);
    for (const path of ['/api/tasks/', `/api/tasks/${id}/`]) {
      for (const fields of ['', 'results', 'id,', 'constructor', 'name,watchers']) {
        const { status, body } = await ada.ask('GET', `${path}?fields=${fields}`);
        expect([fields, status, body.code]).toEqual([fields, 400, 'invalid_request']);
        expect(body.errors[0]).toMatchObject({ in: 'query', pointer: expect.stringMatching(/^\/fields/) });
      }
    }
  });

  test('whatever its rows hold, each page fits into an answer, and paging visits every task exactly once', async () => {
    const texts = fc.record({
      unit: fc.constantFrom('x', '"', '\\', '\u0001', '🥬'),
      // Fractions of 256 KiB, the largest result that a row keeps.
      part: fc.constantFrom(0.01, 0.3, 1),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(texts, { minLength: 1, maxLength: 25 }),
        fc.integer({ min: 1, max: 200 }),
        fc.subarray(['result', 'payload', 'status', 'description']),
        async (given, limit, fields) => {
          ada = await api.register();
          const ids = await tasksWith(given.map(({ unit, part }) => longest(unit, 262_144 * part)));
          const visited: string[] = [];
          const query = `limit=${limit}${fields.length > 0 ? `&fields=${fields.join()}` : ''}`;
          for await (const body of pages(query)) {
            expect(bytesOf(body)).toBeLessThan(LAMBDA_ANSWER_BYTES);
            visited.push(...body.results.map(({ id }: { id: string }) => id));
          }
          expect(visited).toEqual(ids.toReversed());
        },
      ),
      // This example exceeds one answer, whatever the random cases are.
      {
        numRuns: 5,
        // Shrinking a failure would take minutes.
        endOnFailure: true,
        examples: [[Array.from({ length: 25 }, () => ({ unit: '"', part: 1 })), 200, ['result']]],
      },
    );
  }, 120_000);
});

describe('one task', () => {
  test('with all fields at their limits fits into an answer', async () => {
    const csv = '"'.repeat(520_000);
    const description = '"'.repeat(10_000);
    const [id = ''] = await tasksWith([longest('"', 262_144)], { description, payload: { csv } });
    const { status, body } = await ada.ask('GET', `/api/tasks/${id}/`);
    expect([status, body.payload.csv.length]).toEqual([200, 520_000]);
    expect(bytesOf(body)).toBeLessThan(LAMBDA_ANSWER_BYTES);
  });

  test('shows attempts page by page, however much they have logged', async () => {
    const [id = ''] = await tasksWith(['done']);
    const logs = Array.from({ length: 100 }, () => ({
      at: new Date(),
      level: 'info',
      message: '"'.repeat(1_000),
    }));
    const error = { code: 'boom', message: 'boom', details: longest('"', 200_000) };
    for (let attempt = 1; attempt <= 20; attempt += 1) {
      await on.admin`
        insert into attempts (task_id, organization_id, attempt, outcome, started_at, finished_at, logs, error)
        values (${id}, ${ada.organizationId}, ${attempt}, 'failed', now(), now(), ${JSON.stringify(logs)}::jsonb,
          ${JSON.stringify(error)}::jsonb)`;
    }
    const visited: number[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { status, body } = await ada.ask(
        'GET',
        `/api/tasks/${id}/attempts/?limit=100${cursor && `&cursor=${cursor}`}`,
      );
      expect(status).toBe(200);
      expect(bytesOf(body)).toBeLessThan(LAMBDA_ANSWER_BYTES);
      visited.push(...body.results.map((each: { attempt: number }) => each.attempt));
      cursor = body.next_cursor;
    }
    expect(visited).toEqual(Array.from({ length: 20 }, (_, n) => 20 - n));
  });
});

describe('answers without pages', () => {
  test('/api/auth/me lists a thousand organizations, the personal one first, and the number of the others', async () => {
    await on.admin`
      with made as (
        insert into organizations (id, name, personal)
        select gen_random_uuid(), ${'"'.repeat(200)}, false from generate_series(1, 1_005) returning id
      )
      insert into memberships (organization_id, user_id, role) select id, ${ada.userId}, 'viewer' from made`;
    const { status, body } = await api.auth.get('/api/auth/me/', ada.access);
    const organizations = body.organizations as { personal: boolean; name: string }[];
    expect([status, organizations.length, body.more_organizations]).toEqual([200, 1_000, 6]);
    expect(organizations[0]?.personal).toBe(true);
    expect(bytesOf(body)).toBeLessThan(LAMBDA_ANSWER_BYTES);
  });

  for (const key of ['"', '/', '🥬', '\u0001']) {
    test(`a partial answer about 10,000 bad tasks fits, with fields named ${JSON.stringify(key)}`, async () => {
      const each = Buffer.byteLength(JSON.stringify(key)) - 2;
      const bad = Object.fromEntries([1, 2, 3].map((n) => [`${n}${key.repeat(Math.floor(80 / each))}`, 1]));
      const tasks = Array.from({ length: 10_000 }, () => bad);
      const { status, body } = await ada.ask('POST', '/api/tasks/bulk/', { tasks, partial: true });
      expect([status, body.results.length]).toEqual([200, 10_000]);
      expect(bytesOf(body)).toBeLessThan(LAMBDA_ANSWER_BYTES);
    });
  }
});

/** Returns the longest text of this character whose JSON has at most this many bytes. */
function longest(unit: string, bytes: number): string {
  const each = Buffer.byteLength(JSON.stringify(unit)) - 2;
  return unit.repeat(Math.floor((bytes - 2) / each));
}
