// @ts-check
import { fill, h } from '../dom.js';
import { mayChange } from '../organization.js';
import { MAX_WATCHED } from '../socket.js';
import { failure } from './failure.js';
import { isUnfinished, STATUS_LABELS } from './task-parts.js';
import { taskRow } from './task-row.js';

/** @typedef {import('../types.js').Task} Task */

const PAGE_SIZE = 25;

/** Of the unfinished tasks shown, the newest so many are watched; a connection may not watch more. */
const WATCHED = MAX_WATCHED - 10;

/** The organization's tasks, newest first. @type {import('../main.js').View} */
export function taskList(app, { query, signal }) {
  let status = query.get('status') ?? '';
  /** @type {string | null} */
  let cursor = null;
  let watched = 0;
  /** Of the list being shown: aborts when another filter is chosen. */
  let loading = new AbortController();

  const rows = h('ul', { class: 'rows' });
  const note = h('div', { class: 'list-note' });
  const more = h(
    'button',
    { class: 'button', type: 'button', onclick: () => load(), hidden: true },
    'Load more',
  );
  const region = h('div', { class: 'list' }, rows, note, more);

  /** @param {string} chosen */
  const choose = (chosen) => {
    status = chosen;
    // Not by `location`: the page stays, and so does the focus.
    history.replaceState(null, '', chosen ? `#/tasks?status=${chosen}` : '#/tasks');
    restart();
  };

  const restart = () => {
    loading.abort();
    loading = new AbortController();
    cursor = null;
    void load(true);
  };

  const load = async (anew = cursor === null) => {
    const { signal: current } = loading;
    const filter = {
      organization: app.organization.id,
      status,
      cursor: anew ? null : cursor,
      limit: PAGE_SIZE,
    };
    region.setAttribute('aria-busy', 'true');
    try {
      const page = await app.api.listTasks(filter, current);
      if (current.aborted) return;
      if (anew) {
        watched = 0;
        fill(rows);
        window.scrollTo({ top: 0 });
      }
      const first = append(page.results, current);
      fill(note, rows.childElementCount === 0 ? empty(status, mayChange(app.organization)) : null);
      cursor = page.next_cursor;
      if (!anew) first?.querySelector('a')?.focus();
      more.hidden = cursor === null;
    } catch (error) {
      if (current.aborted) return;
      if (anew) fill(rows);
      fill(
        note,
        failure(error, 'The tasks could not be loaded', () => void load(anew)),
      );
      more.hidden = true;
    } finally {
      if (!current.aborted) region.removeAttribute('aria-busy');
    }
  };

  /** @param {Task[]} tasks @param {AbortSignal} current @returns the first of the new rows */
  const append = (tasks, current) => {
    const added = tasks.map((task) => {
      const watch = isUnfinished(task) && watched < WATCHED;
      if (watch) watched++;
      return taskRow(app, task, watch, current);
    });
    rows.append(...added);
    return added[0];
  };

  signal.addEventListener('abort', () => loading.abort());
  void load(true);

  return h(
    'section',
    { class: 'page' },
    h(
      'div',
      { class: 'page-head' },
      h('h1', { tabindex: -1 }, 'Tasks'),
      h('button', { class: 'button', type: 'button', onclick: restart }, 'Refresh'),
      mayChange(app.organization) && h('a', { class: 'button primary', href: '#/tasks/new' }, 'New task'),
    ),
    statusFilter(status, choose),
    region,
  );
}

/** @param {string} chosen @param {(status: string) => void} onChoose */
function statusFilter(chosen, onChoose) {
  const choices = [['', 'All'], ...Object.entries(STATUS_LABELS)];
  return h(
    'fieldset',
    { class: 'chips' },
    h('legend', { class: 'visually-hidden' }, 'Show tasks with status'),
    ...choices.map(([value, label]) =>
      h(
        'label',
        { class: 'chip' },
        h('input', {
          type: 'radio',
          name: 'status',
          value,
          checked: value === chosen,
          onchange: () => onChoose(value ?? ''),
        }),
        h('span', {}, label),
      ),
    ),
  );
}

/** @param {string} status @param {boolean} canCreate */
function empty(status, canCreate) {
  const label = /** @type {Record<string, string>} */ (STATUS_LABELS)[status];
  if (label)
    return h(
      'div',
      { class: 'empty' },
      h('p', { class: 'empty-title' }, `No task is ${label.toLowerCase()}.`),
    );
  return h(
    'div',
    { class: 'empty' },
    h('img', { src: 'icon.svg', alt: '', width: 72, height: 72 }),
    h('p', { class: 'empty-title' }, 'Nothing planted yet.'),
    h('p', {}, 'A task is work done in the background: now, or at a time that you choose.'),
    canCreate &&
      h('p', {}, h('a', { class: 'button primary', href: '#/tasks/new' }, 'Schedule the first one')),
  );
}
