import type { Source } from './sources.ts';

export const REGIONS = ['us-east-1', 'eu-central-1'] as const;
export type Region = (typeof REGIONS)[number];

type Quote = { usd: number; source: Source };

export type UnitPrice = {
  /** Name of the billed item in the report. */
  what: string;
  /** The unit of the usage. */
  unit: string;
  /** Number of units that the price is for. */
  per: number;
  /** Amount that is free for every account each month, permanently. Free amounts of an account's first year are not counted. */
  free?: number;
  quotes: Record<Region, Quote>;
};

/** Returns the quotes of both regions. Prices are in US dollars, first tier, on demand, without tax. */
export const quoted = (
  [usEast, usSource]: readonly [number, Source],
  [frankfurt, frankfurtSource]: readonly [number, Source],
): Record<Region, Quote> => ({
  'us-east-1': { usd: usEast, source: usSource },
  'eu-central-1': { usd: frankfurt, source: frankfurtSource },
});
