import { PRICE_NAMES, PRICES, type PriceName } from './prices.ts';
import type { Region } from './unit-price.ts';

/** Usage of a month, in the units of the price table. An absent entry means no usage. */
export type Usage = Partial<Record<PriceName, number>>;

export type Line = { name: PriceName; amount: number; usd: number };

export type Terms = {
  region: Region;
  /** True when the account's monthly free amounts are available. Other workloads may have used them up. */
  freeTier: boolean;
};

/** Hours of an average month, as AWS counts them. */
export const HOURS = 730;

/** Returns a month's bill: one line for each used item, even when it costs nothing. */
export function bill(usage: Usage, { region, freeTier }: Terms): Line[] {
  return PRICE_NAMES.flatMap((name) => {
    const amount = usage[name] ?? 0;
    if (amount === 0) return [];
    const { per, free = 0, quotes } = PRICES[name];
    const paid = freeTier ? Math.max(0, amount - free) : amount;
    return [{ name, amount, usd: (paid / per) * quotes[region].usd }];
  });
}

/** Returns the month's cost in US dollars. */
export const total = (usage: Usage, terms: Terms): number =>
  bill(usage, terms).reduce((sum, { usd }) => sum + usd, 0);

/** Returns the sum of several usages. */
export function plus(...usages: readonly Usage[]): Usage {
  const sum: Usage = {};
  for (const usage of usages) {
    for (const name of PRICE_NAMES) {
      const amount = usage[name] ?? 0;
      if (amount !== 0) sum[name] = (sum[name] ?? 0) + amount;
    }
  }
  return sum;
}

/** Returns the usage multiplied by a factor. */
export function times(usage: Usage, factor: number): Usage {
  return plus(Object.fromEntries(PRICE_NAMES.map((name) => [name, (usage[name] ?? 0) * factor])) as Usage);
}
