import type { Pair } from '../price.ts';

/**
 * Characters of a URL. Servers and proxies commonly take 8 KB of request line; a longer one is answered by 414.
 * Room for about 500 ids.
 */
const MAX_URL = 7000;

/** Calls of one tick. More would burn a monthly quota of 10,000, in which one call every five minutes is 8,640. */
const MAX_CALLS = 4;

const OPTIONS = 'include_last_updated_at=true&include_24hr_change=true&precision=full';

/** One call and what it asks for. */
type PriceCall = { url: string; pairs: Pair[] };

/**
 * The calls that ask for all pairs: one, as long as its URL is short enough; then up to four.
 *
 * @param pairs of well-formed ids and currencies, the most important first
 * @returns the calls, and the pairs that none of them asks for
 */
export function priceCalls(baseUrl: string, pairs: readonly Pair[]): { calls: PriceCall[]; left: Pair[] } {
  const currencies = [...new Set(pairs.map(({ currency }) => currency))].sort().join(',');
  const prefix = `${baseUrl.replace(/\/+$/, '')}/simple/price?vs_currencies=${currencies}&${OPTIONS}&ids=`;
  const byAsset = Map.groupBy(pairs, ({ asset }) => asset);
  const calls: PriceCall[] = [];
  const left: Pair[] = [];
  for (const [asset, ofAsset] of byAsset) {
    const call = calls.at(-1);
    if (call && call.url.length + 1 + asset.length <= MAX_URL) {
      call.url += `,${asset}`;
      call.pairs.push(...ofAsset);
    } else if (calls.length < MAX_CALLS) {
      calls.push({ url: prefix + asset, pairs: [...ofAsset] });
    } else {
      left.push(...ofAsset);
    }
  }
  return { calls, left };
}
