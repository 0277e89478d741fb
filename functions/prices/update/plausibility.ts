import { differsByMoreThanHalf } from '../decimal.ts';

/**
 * Returns true when a price may be stored. A price that differs by more than half from the last stored price is held
 * back. It is stored when the next tick brings nearly the same price. The provider's 24 h change does not confirm a
 * price, because it is computed from this price.
 *
 * @param last  the last stored price; undefined for the first price, which is always plausible
 * @param held  the price that the previous tick held back, if it did
 */
export function isPlausible(price: string, last: string | undefined, held: string | undefined): boolean {
  if (last === undefined || !differsByMoreThanHalf(last, price)) return true;
  return held !== undefined && !differsByMoreThanHalf(held, price);
}
