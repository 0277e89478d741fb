import type { Pair } from '../price.ts';

/**
 * Characters of a URL, enough for about 500 ids. Servers and proxies commonly accept a request line of 8 KB, and answer a
 * longer one with 414.
 */
const MAX_URL = 7000;

/**
 * Maximum calls of one tick. More calls would use up a monthly quota of 10,000: one call every five minutes makes 8,640
 * already.
 */
const MAX_CALLS = 4;

const OPTIONS = 'include_last_updated_at=true&include_24hr_change=true&precision=full';

/** One call and the pairs that it asks for. */
type PriceCall = { url: string; pairs: Pair[] };

/**
 * Returns the calls that ask for all pairs: one call if its URL is short enough, otherwise up to four.
 *
 * @param pairs well-formed ids and currencies, the most important first
 * @returns the calls, and the pairs that no call asks for
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
