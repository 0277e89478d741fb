import type { Bounds } from './lanes.ts';
import { type Entry, NEVER, type Row } from './row.ts';

/** Called for each changed row, with the row before and after. */
export type Moved = (move: string, before: Row | undefined, after: Row) => void;

export type ModelOptions = {
  /** The database's clock. */
  now: () => Date;
  /** Uniform in [0, 1). */
  random?: () => number;
  /** True when another session has the row locked at this moment. Statements that skip locked rows skip it. */
  isLocked?: (id: string) => boolean;
  /** Called for every change that `seq` counts. */
  moved?: Moved;
};

/** The rows of the model, the ledger of their attempts, and the ways to change them. */
export class ModelRows {
  readonly byId: ReadonlyMap<string, Row>;
  readonly ledger: ReadonlyMap<string, readonly Entry[]>;
  readonly bounds = new Map<string, Bounds>();
  readonly now: () => Date;
  readonly random: () => number;
  readonly isLocked: (id: string) => boolean;
  readonly moved: Moved;
  readonly #rows = new Map<string, Row>();
  readonly #ledger = new Map<string, readonly Entry[]>();
  readonly #dependencies = new Map<string, readonly string[]>();

  constructor({ now, random = Math.random, isLocked = () => false, moved = () => {} }: ModelOptions) {
    [this.byId, this.ledger] = [this.#rows, this.#ledger];
    [this.now, this.random, this.isLocked, this.moved] = [now, random, isLocked, moved];
  }

  /** Stores a row unchanged, past all rules. */
  put(row: Row): void {
    this.#rows.set(row.id, row);
  }

  /** Begins the ledger of a new task. */
  begin(id: string): void {
    this.#ledger.set(id, []);
  }

  dependOn(id: string, others: readonly string[]): void {
    this.#dependencies.set(id, others);
  }

  /** Returns the ids of the tasks that a task depends on. */
  dependencies(id: string): readonly string[] {
    return this.#dependencies.get(id) ?? [];
  }

  /** True when some task depends on this one. */
  isNamed(id: string): boolean {
    return [...this.#dependencies.values()].some((others) => others.includes(id));
  }

  dependenciesOf({ id }: Row): Row[] {
    return this.known(this.dependencies(id));
  }

  known(ids: readonly string[]): Row[] {
    return [...new Set(ids)].flatMap((id) => this.#rows.get(id) ?? []);
  }

  of(organizationId: string): Row[] {
    return [...this.#rows.values()].filter((row) => row.organizationId === organizationId);
  }

  /** Writes a change that watchers see. */
  write(move: string, row: Row, change: Partial<Row>): Row {
    const after = { ...row, ...change, seq: row.seq + 1, updatedAt: this.now() };
    this.put(after);
    this.moved(move, row, after);
    return after;
  }

  record(row: Row, entry: Entry): void {
    const others = (this.#ledger.get(row.id) ?? []).filter(({ attempt }) => attempt !== entry.attempt);
    this.#ledger.set(row.id, [...others, entry]);
  }

  hold(row: Row, heldBy: string | null): void {
    this.put({ ...row, heldBy, nextDispatchAt: NEVER });
  }
}
