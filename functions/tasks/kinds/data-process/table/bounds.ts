/** Limits of a table in the payload of `data.process`. */
export const MAX_RECORDS = 10_000;
export const MAX_CSV_BYTES = 1024 * 1024;

/** Limits of every table, and of its groups. */
export const MAX_COLUMNS = 200;
/** In code points. */
export const MAX_COLUMN_NAME = 100;
export const MAX_GROUP_COLUMNS = 3;
export const MAX_GROUPS = 1_000;
/** UTF-16 code units of all values of the grouping columns together. They are in memory until the end. */
export const MAX_GROUP_TEXT = 4_000_000;

/** Limits of a file: its content, unpacked if it is gzip, and one row of it. */
export const MAX_FILE_BYTES = 2_000_000_000;
/** In UTF-16 code units. */
export const MAX_ROW_UNITS = 1024 * 1024;

export const MAX_CONDITIONS = 20;
export const MAX_CONDITION_VALUES = 100;
export const MAX_CONDITION_TEXT = 1_000;

/** Limits of the rows that are sorted, which are in memory until the end. */
export const MAX_SORT_COLUMNS = 3;
export const MAX_SORTED_ROWS = 100_000;
/** As they are written, with the values that they are sorted by. */
export const MAX_SORTED_BYTES = 16 * 1024 * 1024;

/** Rows that have up to so many cells and characters are summarized exactly. Above that, some statistics are estimates. */
export const EXACT_CELLS = 1_000_000;
export const EXACT_UNITS = 16 * 1024 * 1024;
