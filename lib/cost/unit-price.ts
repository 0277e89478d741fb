import type { Source } from './sources.ts';

export const REGIONS = ['us-east-1', 'eu-central-1'] as const;
export type Region = (typeof REGIONS)[number];

type Quote = { usd: number; source: Source };

export type UnitPrice = {
  /** What is paid for, as the report names it. */
  what: string;
  /** The unit that usage is counted in. */
  unit: string;
  /** How many of those units the price is for. */
  per: number;
  /** What every account has free each month, for ever. What is free for a new account's first year is not counted. */
  free?: number;
  quotes: Record<Region, Quote>;
};

/** US dollars, first tier, on demand, without tax. */
export const quoted = (
  [usEast, usSource]: readonly [number, Source],
  [frankfurt, frankfurtSource]: readonly [number, Source],
): Record<Region, Quote> => ({
  'us-east-1': { usd: usEast, source: usSource },
  'eu-central-1': { usd: frankfurt, source: frankfurtSource },
});
