/** Statistics of numbers that need no second look. A value beyond the range of a double is null, because JSON has no infinity. */
export type SumStatistics = {
  readonly min: number;
  readonly max: number;
  /** Compensated sum (Neumaier). The order of the rows changes at most its last digit. */
  readonly sum: number | null;
  readonly mean: number;
};

/** A sum that loses no digits. @see https://en.wikipedia.org/wiki/Kahan_summation_algorithm#Further_enhancements */
export class CompensatedSum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const next = this.#sum + value;
    this.#lost +=
      Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - next + value : value - next + this.#sum;
    this.#sum = next;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}

/** A power of two by which values are scaled so that a sum of any number of them is a double. It rounds nothing significant. */
const SCALE = 2 ** -64;

/** Sum, mean and range of finite numbers that come one by one. */
export class Sums {
  count = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  readonly #sum = new CompensatedSum();
  readonly #scaled = new CompensatedSum();

  add(value: number): void {
    this.count += 1;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    this.#sum.add(value);
    this.#scaled.add(value * SCALE);
  }

  /** Call it after at least one value. */
  get statistics(): SumStatistics {
    const sum = finiteOrNull(this.#sum.value);
    const mean = sum === null ? this.#scaled.value / this.count / SCALE : sum / this.count;
    // Rounding may put the mean of equal values outside [min, max], even beyond doubles. Adding 0 turns −0 into 0.
    return {
      min: this.min + 0,
      max: this.max + 0,
      sum,
      mean: Math.min(Math.max(mean, this.min), this.max) + 0,
    };
  }
}

export function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
