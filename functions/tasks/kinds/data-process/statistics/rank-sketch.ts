/**
 * Ranks of numbers, for a stream of any length in little memory. Every answer has a rank within ±`error` · n of the rank that was
 * asked for. This bound is certain, and the same numbers in the same order give the same answers.
 *
 * @see Greenwald and Khanna, Space-efficient online computation of quantile summaries, SIGMOD 2001,
 *   https://doi.org/10.1145/375663.375670
 */
export class RankSketch {
  readonly #error: number;
  #count = 0;
  /** Numbers that are not in the summary yet. */
  readonly #waiting = new Float64Array(WAITING);
  #waits = 0;
  /** Some of the numbers, ascending. */
  #values = new Float64Array(0);
  /** Difference of the lowest possible rank to that of the number before. */
  #steps = new Float64Array(0);
  /** Difference between the highest and the lowest possible rank. */
  #slacks = new Float64Array(0);

  constructor(error: number) {
    this.#error = error;
  }

  add(value: number): void {
    this.#waiting[this.#waits] = value;
    this.#waits += 1;
    if (this.#waits === WAITING) this.#merge();
  }

  /** Number of numbers that the summary keeps. */
  get size(): number {
    return this.#values.length;
  }

  /**
   * @param rank from 0, at most the number of numbers − 1
   * @returns a number whose rank is near it. Call it after at least one number
   */
  valueAt(rank: number): number {
    this.#merge();
    const allowed = this.#error * this.#count;
    const wanted = rank + 1;
    let lowest = 0;
    for (let at = 0; at < this.#values.length; at += 1) {
      lowest += this.#steps[at] ?? 0;
      const highest = lowest + (this.#slacks[at] ?? 0);
      if (highest - wanted <= allowed && wanted - lowest <= allowed) return this.#values[at] ?? Number.NaN;
    }
    return this.#values.at(-1) ?? Number.NaN;
  }

  /** Adds the waiting numbers to the summary, and drops those that the bound does not need. */
  #merge(): void {
    if (this.#waits === 0) return;
    const added = this.#waiting.subarray(0, this.#waits).sort();
    const [values, steps, slacks] = [this.#values, this.#steps, this.#slacks];
    const most = values.length + added.length;
    this.#count += added.length;
    this.#waits = 0;
    const [newValues, newSteps, newSlacks] = scratch(most);
    // From the highest number down, because a number may be dropped when the next higher one can stand for it, too.
    const room = Math.floor(2 * this.#error * this.#count);
    let into = most;
    let old = values.length - 1;
    const put = (value: number, step: number, slack: number): void => {
      if (into < most && step + (newSteps[into] ?? 0) + (newSlacks[into] ?? 0) <= room) {
        newSteps[into] = (newSteps[into] ?? 0) + step;
        return;
      }
      into -= 1;
      newValues[into] = value;
      newSteps[into] = step;
      newSlacks[into] = slack;
    };
    for (let at = added.length - 1; at >= 0; at -= 1) {
      const value = added[at] ?? Number.NaN;
      while (old >= 0 && (values[old] ?? 0) > value) {
        put(values[old] ?? 0, steps[old] ?? 0, slacks[old] ?? 0);
        old -= 1;
      }
      // The rank of a new number is between those of its old neighbours.
      const isHighest = old === values.length - 1;
      const slack = isHighest || old < 0 ? 0 : (steps[old + 1] ?? 0) + (slacks[old + 1] ?? 0) - 1;
      put(value, 1, slack);
    }
    for (; old >= 0; old -= 1) put(values[old] ?? 0, steps[old] ?? 0, slacks[old] ?? 0);
    // The lowest number stays, as the highest one does: ranks of new numbers beyond them are exact.
    if (newSteps[into] !== 1) {
      newSteps[into] = (newSteps[into] ?? 0) - 1;
      into -= 1;
      newValues[into] = Math.min(values[0] ?? Number.POSITIVE_INFINITY, added[0] ?? Number.POSITIVE_INFINITY);
      newSteps[into] = 1;
      newSlacks[into] = 0;
    }
    this.#values = newValues.slice(into, most);
    this.#steps = newSteps.slice(into, most);
    this.#slacks = newSlacks.slice(into, most);
  }
}

/** Numbers that are sorted and added together. */
const WAITING = 4_096;

/** Arrays in which all sketches merge, one at a time: new ones for each merge would be megabytes of garbage. */
let arrays: [Float64Array, Float64Array, Float64Array] = [
  new Float64Array(0),
  new Float64Array(0),
  new Float64Array(0),
];

function scratch(length: number): typeof arrays {
  if (arrays[0].length < length) {
    const longer = () => new Float64Array(2 * length);
    arrays = [longer(), longer(), longer()];
  }
  return arrays;
}
