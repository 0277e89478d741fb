import type { Change, Created } from '../work/callers.ts';
import type { Hit } from '../work/target.ts';
import type { LedgerLine, Move, Row } from './audit.ts';

/** All records about one task. */
export interface History {
  readonly id: string;
  /** The answer to the task's creation; undefined when it did not arrive. */
  readonly created: Created | undefined;
  readonly row: Row | undefined;
  readonly moves: readonly Move[];
  readonly ledger: readonly LedgerLine[];
  readonly hits: readonly Hit[];
  readonly changes: readonly Change[];
}

export interface Evidence {
  readonly created: ReadonlyMap<string, Created>;
  readonly rows: readonly Row[];
  readonly moves: readonly Move[];
  readonly ledger: readonly LedgerLine[];
  readonly hits: ReadonlyMap<string, readonly Hit[]>;
  readonly changes: readonly Change[];
}

/** Returns one history for each id that occurs anywhere. */
export function histories(evidence: Evidence): History[] {
  const rows = new Map(evidence.rows.map((row) => [row.id, row]));
  const moves = Map.groupBy(evidence.moves, ({ taskId }) => taskId);
  const ledger = Map.groupBy(evidence.ledger, ({ taskId }) => taskId);
  const changes = Map.groupBy(evidence.changes, ({ id }) => id);
  const ids = new Set([...evidence.created.keys(), ...rows.keys(), ...moves.keys(), ...evidence.hits.keys()]);
  return [...ids].map((id) => ({
    id,
    created: evidence.created.get(id),
    row: rows.get(id),
    moves: moves.get(id) ?? [],
    ledger: ledger.get(id) ?? [],
    hits: evidence.hits.get(id) ?? [],
    changes: changes.get(id) ?? [],
  }));
}
