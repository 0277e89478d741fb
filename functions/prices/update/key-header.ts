/**
 * The header that carries the API key, as the plan behind the host expects it.
 *
 * @param key empty for none: the public API then answers with a lower rate limit
 */
export function keyHeader(baseUrl: string, key: string): Record<string, string> {
  if (key === '') return {};
  const isPro = new URL(baseUrl).hostname === 'pro-api.coingecko.com';
  return { [isPro ? 'x-cg-pro-api-key' : 'x-cg-demo-api-key']: key };
}
