/**
 * Gets a text over HTTP. Any status is an answer. Redirects are not followed: a price comes from the provider that was
 * asked, and the key goes nowhere else.
 *
 * @throws FetchError when there is no answer in the time, or it is longer than `maxBytes`
 */
export type FetchText = (
  url: string,
  options: { headers: Record<string, string>; timeoutSeconds: number; maxBytes: number },
) => Promise<{ status: number; headers: Readonly<Record<string, string>>; text: string }>;
