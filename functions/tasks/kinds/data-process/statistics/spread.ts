import { CompensatedSum, finiteOrNull, type SumStatistics } from './sums.ts';

/**
 * Standard deviation of a sample whose mean and range are known: the second of two passes. Deviations are scaled by the largest one,
 * so that the squares neither cancel nor overflow.
 */
export class Spread {
  readonly #mean: number;
  readonly #largest: number;
  readonly #squares = new CompensatedSum();
  readonly #deviations = new CompensatedSum();
  #count = 0;

  constructor({ mean, min, max }: Pick<SumStatistics, 'mean' | 'min' | 'max'>) {
    this.#mean = mean;
    this.#largest = Math.max(Math.abs(min - mean), Math.abs(max - mean));
  }

  add(value: number): void {
    this.#count += 1;
    if (this.#largest === 0) return;
    const scaled = (value - this.#mean) / this.#largest;
    this.#deviations.add(scaled);
    this.#squares.add(scaled * scaled);
  }

  /** √(Σ(x − mean)² / (n − 1)); null for fewer than two values, and beyond the range of a double. */
  get standardDeviation(): number | null {
    if (this.#count < 2) return null;
    if (this.#largest === 0) return 0;
    // Subtract the part of the squares that comes from the rounding of the mean.
    const correction = this.#deviations.value ** 2 / this.#count;
    const squares = Math.max(0, this.#squares.value - correction);
    return finiteOrNull(this.#largest * Math.sqrt(squares / (this.#count - 1)));
  }
}
