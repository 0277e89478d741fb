import type { Distribution } from '../measuring/statistics.ts';

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** Formats a number with three significant digits. No figure of a bench is more exact. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 1000 ? whole.format(Number(value.toPrecision(3))) : number.format(value);
}

export function milliseconds(value: number): string {
  return `${figure(value)} ms`;
}

/** Formats a distribution: `p50 3.1 ms, p99 12 ms`. */
export function spread(measured: Distribution | undefined): string {
  return measured ? `p50 ${milliseconds(measured.p50)}, p99 ${milliseconds(measured.p99)}` : '–';
}

/** Formats a multiple: `0.4×`. */
export function ratio(value: number, base: number): string {
  return base > 0 && Number.isFinite(base) && Number.isFinite(value) ? `${figure(value / base)}×` : '–';
}
