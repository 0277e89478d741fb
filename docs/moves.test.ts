import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MOVES, type TaskStatus, TERMINAL } from '../functions/tasks/task.ts';

const PAGE = join(import.meta.dirname, '..', 'ARCHITECTURE.md');

/** The state machine as Mermaid: an arrow for each pair of statuses, with the moves that lead from the one to the other. */
function picture(): string {
  const arrows = new Map<string, string[]>();
  const add = (from: string, to: string, move: string) =>
    arrows.set(`${from} --> ${to}`, [...(arrows.get(`${from} --> ${to}`) ?? []), move]);
  add('[*]', 'PENDING', 'create');
  add('[*]', 'SCHEDULED', 'create');
  for (const [move, { from, to }] of Object.entries(MOVES)) {
    const targets: readonly TaskStatus[] = to;
    // A move that may lead to every status that it leaves changes no status.
    const keeps = from.every((status) => targets.includes(status));
    for (const status of from) for (const target of keeps ? [status] : targets) add(status, target, move);
  }
  const lines = [...arrows].map(([arrow, moves]) => `  ${arrow}: ${moves.join(', ')}`);
  const ends = TERMINAL.map((status) => `  ${status} --> [*]`);
  return ['```mermaid', 'stateDiagram-v2', ...lines, ...ends, '```'].join('\n');
}

test('ARCHITECTURE.md shows every move of MOVES; else put this picture between its markers', () => {
  const [, shown] = /<!-- moves -->\n([\s\S]*?)\n<!-- \/moves -->/.exec(readFileSync(PAGE, 'utf8')) ?? [];
  expect(shown).toBe(picture());
});
