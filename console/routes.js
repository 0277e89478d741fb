// @ts-check
import { notFound } from './views/not-found.js';
import { organizations } from './views/organizations.js';
import { prices } from './views/prices.js';
import { taskDetail } from './views/task-detail.js';
import { taskForm } from './views/task-form.js';
import { taskList } from './views/task-list.js';

/**
 * @typedef {import('./main.js').View} View
 * @typedef {'tasks' | 'prices' | 'organizations' | null} Section
 */

/**
 * The pages. They stand in the address after the `#`, so that static hosting needs no rewriting.
 *
 * @type {[path: RegExp, view: View, section: Section][]}
 */
const ROUTES = [
  [/^\/tasks$/, taskList, 'tasks'],
  [/^\/tasks\/new$/, taskForm, 'tasks'],
  [/^\/tasks\/([\w-]+)$/, taskDetail, 'tasks'],
  [/^\/prices$/, prices, 'prices'],
  [/^\/organizations$/, organizations, 'organizations'],
];

/**
 * The page that an address names.
 *
 * @param {string} hash with the `#`
 * @returns {{ view: View, section: Section, params: string[], query: URLSearchParams }}
 */
export function routeOf(hash) {
  const [path = '', query = ''] = hash.slice(1).split('?');
  for (const [pattern, view, section] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { view, section, params: match.slice(1), query: new URLSearchParams(query) };
  }
  return { view: notFound, section: null, params: [], query: new URLSearchParams() };
}
