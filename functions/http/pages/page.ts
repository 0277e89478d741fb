import { stringifyExactly } from '../../exact-json/json-text.ts';

/** Lambda's limit of an answer, in bytes of its JSON. An answer above it becomes a 500 of API Gateway. */
export const LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024;

/** Bytes of a page's rows as Lambda counts them. The rest of the limit is for the envelope, and for a first row of any size. */
export const PAGE_BYTES = 4_000_000;

/**
 * Bytes that a value takes in Lambda's answer: the body is JSON text inside a JSON string, so that quotes and backslashes
 * are escaped once more.
 */
export function bytesInAnswer(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(stringifyExactly(value)));
}

/** The rows of a page, as long as they fit. */
export type PageFiller<Row, View> = {
  /** Adds a row, unless the page would become too large. The first row is always added, so that paging goes on. */
  add: (row: Row) => boolean;
  views: View[];
  /** The last row that was added. */
  last: () => Row | undefined;
};

/** @param view what the page shows of a row */
export function pageFiller<Row, View>(
  view: (row: Row) => View,
  maxBytes = PAGE_BYTES,
): PageFiller<Row, View> {
  const views: View[] = [];
  let last: Row | undefined;
  let bytes = 0;
  return {
    add: (row) => {
      const shown = view(row);
      bytes += bytesInAnswer(shown) + 1;
      if (views.length > 0 && bytes > maxBytes) return false;
      views.push(shown);
      last = row;
      return true;
    },
    views,
    last: () => last,
  };
}

/**
 * A page of rows that have been read.
 *
 * @param more whether there are rows behind these
 * @param cursorOf the position behind a row
 */
export function page<Row, View>(
  rows: readonly Row[],
  { more, view, cursorOf }: { more: boolean; view: (row: Row) => View; cursorOf: (row: Row) => string },
): { results: View[]; next_cursor: string | null } {
  const filler = pageFiller(view);
  const fits = rows.every(filler.add);
  const last = filler.last();
  return { results: filler.views, next_cursor: last && (more || !fits) ? cursorOf(last) : null };
}
