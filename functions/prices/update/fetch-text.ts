/**
 * Gets a text over HTTP. Any status is an answer. Redirects are not followed: prices must come from the configured
 * provider, and no other server may receive the key.
 *
 * @throws FetchError when there is no answer in time, or when the answer is longer than `maxBytes`
 */
export type FetchText = (
  url: string,
  options: { headers: Record<string, string>; timeoutSeconds: number; maxBytes: number },
) => Promise<{ status: number; headers: Readonly<Record<string, string>>; text: string }>;
