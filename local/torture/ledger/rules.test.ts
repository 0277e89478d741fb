import { expect, test } from 'vitest';
import type { Change } from '../work/callers.ts';
import type { Move } from './audit.ts';
import type { History } from './history.ts';
import { RULES, violations } from './rules.ts';

const id = '01a1fcfc-58b2-74c3-997b-0cb650307219';

/** Builds moves: `SCHEDULED 0 100` is a move to that status, with that attempt, at that time. */
function movesOf(...texts: string[]): Move[] {
  let from: string | null = null;
  return texts.map((text) => {
    const [to = '', attempt, at] = text.split(' ');
    const move = { taskId: id, from, to, attempt: Number(attempt), at: Number(at), dueAt: 0 };
    from = to;
    return move;
  });
}

const hitAt = (number: number, at: number, status = 200) =>
  ({ number, idempotencyKey: id, at, status, waitMs: 0, ports: [0, 0] }) as const;

const change = (what: Change['what'], code: number, sentAt: number, status?: string): Change => ({
  id,
  what,
  sentAt,
  answeredAt: sentAt + 10,
  code,
  status,
});

/** The task failed once, crashed once, used up its attempts, was retried by a person, and then completed. */
const WELL: History = {
  id,
  created: { id, dueAt: 100 },
  row: { id, status: 'COMPLETED', attempt: 4, kind: 'http.request', hit: 33 },
  moves: movesOf(
    'SCHEDULED 0 50',
    'RUNNING 1 110',
    'SCHEDULED 1 120',
    'RUNNING 2 200',
    'SCHEDULED 2 300',
    'RUNNING 3 310',
    'FAILED 3 320',
    'SCHEDULED 3 400',
    'RUNNING 4 410',
    'COMPLETED 4 420',
  ),
  ledger: [
    { taskId: id, attempt: 1, outcome: 'retried', hit: 30 },
    { taskId: id, attempt: 2, outcome: 'crashed', hit: null },
    { taskId: id, attempt: 3, outcome: 'failed', hit: 32 },
    { taskId: id, attempt: 4, outcome: 'completed', hit: null },
  ],
  hits: [hitAt(30, 115, 500), hitAt(31, 205), hitAt(32, 315, 500), hitAt(33, 415)],
  changes: [change('retry', 200, 395, 'SCHEDULED')],
};

/** The task was cancelled before its start. */
const CANCELLED: History = {
  ...WELL,
  row: { id, status: 'CANCELLED', attempt: 0, kind: 'http.request', hit: null },
  moves: movesOf('SCHEDULED 0 50', 'CANCELLED 0 65'),
  ledger: [],
  hits: [],
  changes: [change('cancel', 200, 60, 'CANCELLED')],
};

/** The task was cancelled while it waited for another task. A person retried it after the other task had completed. */
const WAITED: History = {
  ...WELL,
  row: { id, status: 'COMPLETED', attempt: 1, kind: 'http.request', hit: 33 },
  moves: movesOf(
    'PENDING 0 50',
    'CANCELLED 0 65',
    'PENDING 0 85',
    'SCHEDULED 0 90',
    'RUNNING 1 410',
    'COMPLETED 1 420',
  ),
  ledger: [{ taskId: id, attempt: 1, outcome: 'completed', hit: null }],
  hits: [hitAt(33, 415)],
  changes: [change('cancel', 200, 60, 'CANCELLED'), change('retry', 200, 80, 'PENDING')],
};

/** Returns the names of the rules that a history breaks. */
const brokenBy = (history: History) =>
  [...violations([history])].filter(([, cases]) => cases.length > 0).map(([name]) => name);

test('a history in which everything went as promised breaks no rule', () => {
  expect(brokenBy(WELL)).toEqual([]);
  expect(brokenBy(CANCELLED)).toEqual([]);
  expect(brokenBy(WAITED)).toEqual([]);
});

const CRIMES: Readonly<Record<keyof typeof RULES, History>> = {
  'tasks lost': { ...WELL, row: undefined, moves: [], ledger: [], hits: [], changes: [] },
  'tasks unfinished': {
    ...WELL,
    row: { id, status: 'RUNNING', attempt: 4, kind: 'http.request', hit: null },
  },
  'illegal moves': { ...WELL, changes: [] },
  'final transitions other than one a life': {
    ...WELL,
    moves: [...WELL.moves, ...movesOf('COMPLETED 4 430').map((move) => ({ ...move, from: 'RUNNING' }))],
  },
  'starts after an acknowledged cancel': { ...WELL, changes: [...WELL.changes, change('cancel', 202, 111)] },
  'starts before their time': {
    ...WELL,
    moves: WELL.moves.map((move) => ({ ...move, dueAt: move.attempt === 4 ? 415 : 0 })),
  },
  'attempts out of order': {
    ...WELL,
    moves: WELL.moves.map((move) => ({
      ...move,
      attempt: move.attempt > 2 ? move.attempt + 1 : move.attempt,
    })),
  },
  'ledger lines missing, doubled or wrong': { ...WELL, ledger: WELL.ledger.slice(0, 3) },
  'outcomes of another attempt': {
    ...WELL,
    row: { id, status: 'COMPLETED', attempt: 4, kind: 'http.request', hit: 31 },
  },
  'completed without the effect': {
    ...WELL,
    row: { id, status: 'COMPLETED', attempt: 4, kind: 'http.request', hit: null },
  },
  'effects without an attempt': { ...WELL, hits: [...WELL.hits, hitAt(34, 416)] },
  'answers that are not what happened': {
    ...CANCELLED,
    changes: [change('cancel', 0, 60), change('cancel', 200, 160, 'CANCELLED')],
  },
};

test('every rule has a violation in this test', () => {
  expect(Object.keys(CRIMES).sort()).toEqual(Object.keys(RULES).sort());
});

for (const [name, history] of Object.entries(CRIMES)) {
  test(`${name}: are noticed, with the id`, () => {
    expect(brokenBy(history)).toContain(name);
    expect(violations([history]).get(name)?.[0]).toMatch(new RegExp(`^${id} .`));
  });
}

test('a request that reaches the target after a cancel before the start is noticed, also when no move tells of it', () => {
  const history = { ...CANCELLED, hits: [hitAt(1, 90)] };
  expect(brokenBy(history)).toContain('starts after an acknowledged cancel');
});

test('a task that a user has retried may start after its cancel, and before its own time', () => {
  const history: History = {
    ...CANCELLED,
    created: { id, dueAt: 1_000 },
    row: { id, status: 'COMPLETED', attempt: 1, kind: 'http.request', hit: 1 },
    moves: movesOf('SCHEDULED 0 50', 'CANCELLED 0 65', 'SCHEDULED 0 80', 'RUNNING 1 85', 'COMPLETED 1 95'),
    ledger: [{ taskId: id, attempt: 1, outcome: 'completed', hit: null }],
    hits: [hitAt(1, 90)],
    changes: [...CANCELLED.changes, change('retry', 200, 78, 'SCHEDULED')],
  };
  expect(brokenBy(history)).toEqual([]);
});

test('a request that reaches the target before the time that its creator asked for is noticed', () => {
  expect(brokenBy({ ...WELL, created: { id, dueAt: 150 } })).toEqual(['starts before their time']);
});

test('a change whose answer did not arrive may have happened', () => {
  expect(brokenBy({ ...WELL, changes: [change('retry', 500, 395)] })).toEqual([]);
});
