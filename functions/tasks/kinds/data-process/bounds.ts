/** Limits of a table for `data.process`, and of its groups. */
export const MAX_RECORDS = 10_000;
export const MAX_COLUMNS = 200;
/** In code points. */
export const MAX_COLUMN_NAME = 100;
export const MAX_CSV_BYTES = 1024 * 1024;
export const MAX_GROUP_COLUMNS = 3;
export const MAX_GROUPS = 1_000;
