// @ts-check
import { h } from '../dom.js';
import { Problem } from '../transport.js';

/**
 * Says that something could not be loaded, why, and offers to try again.
 *
 * @param {unknown} error
 * @param {string} what e.g. 'The tasks could not be loaded'
 * @param {() => void} again
 */
export function failure(error, what, again) {
  if (!(error instanceof Problem)) console.error(error);
  const why = error instanceof Problem ? error.message : 'The console met a fault of its own.';
  return h(
    'div',
    { class: 'empty', role: 'alert' },
    h('p', { class: 'empty-title' }, `${what}.`),
    h('p', {}, why),
    h('p', {}, h('button', { class: 'button', type: 'button', onclick: again }, 'Try again')),
  );
}
