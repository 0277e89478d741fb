import * as z from 'zod';
import { stringifyExactly } from '../../exact-json/json-text.ts';

/** Lambda's limit for an answer, in bytes of its JSON. API Gateway turns a larger answer into a 500. */
export const LAMBDA_ANSWER_BYTES = 6 * 1024 * 1024;

/**
 * Maximum bytes of a page's rows, as Lambda counts them. The rest of Lambda's limit is for the envelope, and for a first
 * row of any size.
 */
export const PAGE_BYTES = 4_000_000;

/**
 * Returns the bytes that a value takes in Lambda's answer. The body is JSON text inside a JSON string, so quotes and
 * backslashes are escaped once more.
 */
export function bytesInAnswer(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(stringifyExactly(value)));
}

/** Collects the rows of a page as long as they fit. */
export type PageFiller<Row, View> = {
  /**
   * Adds a row and returns true, unless the page would become too large. The first row is always added, so that paging
   * makes progress.
   */
  add: (row: Row) => boolean;
  views: View[];
  /** The last row that was added. */
  last: () => Row | undefined;
};

/** Returns an empty page. @param view converts a row to its form in the page */
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

/** Returns the schema of a page. */
export function pageOf<View extends z.ZodType>(view: View) {
  return z.object({ results: z.array(view), next_cursor: z.string().nullable() });
}

/**
 * Returns a page of rows that have been read.
 *
 * @param more true when further rows follow
 * @param cursorOf returns the position behind a row
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
