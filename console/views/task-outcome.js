// @ts-check
import { h } from '../dom.js';
import { isUnfinished } from './task-parts.js';

/** @typedef {import('../types.js').Task} Task */

/** Figures of `data.process` that its table shows, and what they are called. */
const FIGURES = {
  count: 'Values',
  missing: 'Missing',
  distinct: 'Different',
  min: 'Min',
  mean: 'Mean',
  max: 'Max',
};

const NUMBER = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 7 });

/**
 * What became of a task so far: its error, its result.
 *
 * @param {Task} task
 * @returns {(HTMLElement | null)[]}
 */
export function outcome(task) {
  return [task.error ? errorSection(task) : null, ...resultSections(task)];
}

/** @param {Task} task */
function errorSection({ error, status }) {
  const { code, message, ...details } = error ?? { code: '', message: '' };
  return h(
    'section',
    { class: 'error-box' },
    h('h2', {}, status === 'FAILED' ? 'Why it failed' : 'Why the last attempt did not succeed'),
    h('p', {}, message, ' ', h('code', {}, code)),
    Object.keys(details).length > 0 ? jsonBlock(details) : null,
  );
}

/** @param {Task} task */
function resultSections(task) {
  if (task.result === null || task.result === undefined) {
    return [isUnfinished(task) ? h('p', { class: 'muted' }, 'The result appears here by itself.') : null];
  }
  const columns = columnsOf(task.result);
  return [
    h('h2', {}, 'Result'),
    columns ? columnTable(columns) : null,
    columns ? h('details', {}, h('summary', {}, 'As JSON'), jsonBlock(task.result)) : jsonBlock(task.result),
  ];
}

/** @param {unknown} value */
export function jsonBlock(value) {
  return h('pre', { class: 'code', tabindex: 0 }, JSON.stringify(value, null, 2) ?? '');
}

/**
 * The columns that a summary describes, if it is one.
 *
 * @param {any} result
 * @returns {Record<string, unknown>[] | null}
 */
function columnsOf(result) {
  const columns = result?.columns;
  return Array.isArray(columns) &&
    columns.length > 0 &&
    columns.every((column) => typeof column?.name === 'string')
    ? columns
    : null;
}

/** @param {Record<string, unknown>[]} columns */
function columnTable(columns) {
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Columns of the data' },
    h(
      'table',
      {},
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ...['Column', 'Type', ...Object.values(FIGURES)].map((name) => h('th', { scope: 'col' }, name)),
        ),
      ),
      h(
        'tbody',
        {},
        ...columns.map((column) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, String(column.name)),
            h('td', {}, String(column.type)),
            ...Object.keys(FIGURES).map((figure) => h('td', { class: 'number' }, figureText(column[figure]))),
          ),
        ),
      ),
    ),
  );
}

/** @param {unknown} figure */
function figureText(figure) {
  return typeof figure === 'number' ? NUMBER.format(figure) : '–';
}
