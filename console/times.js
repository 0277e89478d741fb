// @ts-check
import { h } from './dom.js';

const ABSOLUTE = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

/** @type {[unit: Intl.RelativeTimeFormatUnit, seconds: number][]} */
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** Seconds from which on a date says more than a distance. */
const FAR = 7 * 86_400;

/**
 * A moment in the reader's own time zone.
 *
 * @param {string} iso
 */
export function moment(iso) {
  return h('time', { datetime: iso }, ABSOLUTE.format(new Date(iso)));
}

/**
 * A moment as its distance from now, kept up to date by `keepTime`.
 *
 * @param {string} iso
 */
export function distance(iso) {
  const date = new Date(iso);
  return h(
    'time',
    { datetime: iso, title: ABSOLUTE.format(date), 'data-distance': true },
    distanceText(date),
  );
}

/** Keeps every `distance` of the page true. */
export function keepTime() {
  setInterval(() => {
    for (const element of document.querySelectorAll('time[data-distance]')) {
      const text = distanceText(new Date(element.getAttribute('datetime') ?? ''));
      if (element.textContent !== text) element.textContent = text;
    }
  }, 1000);
}

/** @param {Date} date */
function distanceText(date, now = Date.now()) {
  const seconds = Math.round((date.getTime() - now) / 1000);
  if (Math.abs(seconds) >= FAR) return ABSOLUTE.format(date);
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
  return RELATIVE.format(Math.trunc(seconds / length), unit);
}

/**
 * How long something took.
 *
 * @param {string} from
 * @param {string} to
 */
export function duration(from, to) {
  const ms = Math.max(0, Date.parse(to) - Date.parse(from));
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
