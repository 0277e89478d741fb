// @ts-check
import { h } from '../dom.js';

/** @typedef {import('../types.js').Price} Price */

/**
 * A price for reading; all its digits are in the element's value. It is never a float: `Intl` formats decimal text.
 *
 * @param {Price} price
 * @returns {HTMLElement}
 */
export function priceText({ price, currency }) {
  if (price === null) return h('span', { class: 'muted' }, '—');
  const digits = /^0?\./.test(price)
    ? { maximumSignificantDigits: 5 }
    : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  const text = new Intl.NumberFormat(undefined, digits).format(decimal(price));
  return h('data', { value: price, title: `${price} ${currency}` }, text);
}

/**
 * A change in percent, for reading.
 *
 * @param {string | null} change
 * @returns {{ text: string, sign: 'up' | 'down' | 'none' } | null}
 */
export function changeText(change) {
  if (change === null) return null;
  const figure = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2, signDisplay: 'exceptZero' });
  const sign = change.startsWith('-') ? 'down' : /[1-9]/.test(change) ? 'up' : 'none';
  return { text: `${figure.format(decimal(change))} % in 24 h`, sign };
}

/** What TypeScript calls the texts that `Intl` formats exactly. @param {string} text */
function decimal(text) {
  return /** @type {Intl.StringNumericLiteral} */ (text);
}
