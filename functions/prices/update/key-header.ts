/**
 * Returns the header with the API key. Its name depends on CoinGecko's plan, and so on the host.
 *
 * @param key empty for no key: the public API then answers with a lower rate limit
 */
export function keyHeader(baseUrl: string, key: string): Record<string, string> {
  if (key === '') return {};
  const isPro = new URL(baseUrl).hostname === 'pro-api.coingecko.com';
  return { [isPro ? 'x-cg-pro-api-key' : 'x-cg-demo-api-key']: key };
}
