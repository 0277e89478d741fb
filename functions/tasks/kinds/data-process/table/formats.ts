/** Formats of the files that are read, and of those that are written. */
export const FORMATS = ['csv', 'ndjson', 'json'] as const;

export type Format = (typeof FORMATS)[number];
