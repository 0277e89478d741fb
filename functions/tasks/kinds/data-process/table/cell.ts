/** A cell of a table. Null is a missing value. */
export type Cell = string | number | boolean | null;

export type FlatRecord = Readonly<Record<string, Cell>>;
