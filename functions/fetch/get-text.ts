import type { FetchRequest, GuardedFetch } from './port.ts';

/** Gets a text, for example JSON whose numbers must be read as they are written. Any status counts as an answer. */
export type GetText = (
  url: string,
  options?: Pick<FetchRequest, 'headers' | 'maxBytes' | 'signal' | 'timeoutSeconds'>,
) => Promise<{ status: number; headers: Readonly<Record<string, string>>; text: string }>;

/**
 * Returns a {@link GetText} that reads bodies as UTF-8. Bytes that are not UTF-8 become U+FFFD.
 *
 * @throws FetchError from the returned function, `too_large` included
 */
export function textGetter(fetch: GuardedFetch): GetText {
  return async (url, options = {}) => {
    const { status, headers, body } = await fetch({ ...options, url });
    return { status, headers, text: new TextDecoder().decode(body) };
  };
}
