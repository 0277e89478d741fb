// @ts-check
import { h } from '../dom.js';

/** @type {import('../main.js').View} */
export function notFound() {
  return h(
    'section',
    { class: 'page' },
    h('h1', { tabindex: -1 }, 'There is nothing here'),
    h(
      'p',
      {},
      'This address names no page of the console. ',
      h('a', { href: '#/tasks' }, 'Go to your tasks'),
    ),
  );
}
