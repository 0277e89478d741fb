import { differsByMoreThanHalf } from '../decimal.ts';

/**
 * Whether a price may be stored. One that is more than half away from the last stored one is held, and believed when
 * the next tick brings much the same. The provider's 24 h change is no witness: it is made from the same price.
 *
 * @param last  the price stored before; undefined for the first, which is believed
 * @param held  the price that the tick before held back, if it did
 */
export function isPlausible(price: string, last: string | undefined, held: string | undefined): boolean {
  if (last === undefined || !differsByMoreThanHalf(last, price)) return true;
  return held !== undefined && !differsByMoreThanHalf(held, price);
}
