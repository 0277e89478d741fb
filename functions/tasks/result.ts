import { PermanentError } from './define-task.ts';

/** Bytes of UTF-8 of a result that is stored in the row. A larger result is stored in the artifacts bucket. */
export const MAX_ROW_BYTES = 262_144;

/** Upper bound of a result, in bytes of UTF-8. */
export const MAX_RESULT_BYTES = 32 * 1024 * 1024;

/**
 * Returns the result as JSON text that jsonb can store: without NUL and lone surrogates, which U+FFFD replaces. Values that JSON
 * lacks are left out or null.
 *
 * @throws PermanentError `result_too_large`, `result_not_json`
 */
export function storableResult(result: unknown): string {
  const text = storableText(result);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_RESULT_BYTES) {
    throw new PermanentError(
      'result_too_large',
      `The result has ${bytes} bytes; at most ${MAX_RESULT_BYTES} are kept`,
    );
  }
  return text;
}

/** Returns JSON text of any length, without characters that jsonb refuses. @throws PermanentError `result_not_json` */
export function storableText(value: unknown): string {
  return stringify(value) ?? 'null';
}

function stringify(result: unknown): string | undefined {
  try {
    return JSON.stringify(result, (_key, value) => {
      if (typeof value === 'string') return clean(value);
      if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
      const members = Object.entries(value);
      return members.every(([key]) => clean(key) === key)
        ? value
        : Object.fromEntries(members.map(([key, member]) => [clean(key), member]));
    });
  } catch (cause) {
    throw new PermanentError('result_not_json', 'The handler returned a value that is not JSON', { cause });
  }
}

/** Returns the text with NUL and lone surrogates replaced, because Postgres cannot store them. */
export function clean(text: string): string {
  return text.includes('\u0000') || !text.isWellFormed()
    ? text.replaceAll('\u0000', '\uFFFD').toWellFormed()
    : text;
}
