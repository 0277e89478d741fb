// @ts-check
import { fill, h } from '../dom.js';
import { isUnfinished, kindLabel, statusBadge, taskActions, whenText } from './task-parts.js';

/** @typedef {import('../types.js').Task} Task */

/**
 * One task of the list. It follows the task live until that has finished.
 *
 * @param {import('../main.js').App} app
 * @param {Task} task
 * @param {boolean} watch
 * @param {AbortSignal} signal aborts when the row is no longer shown
 */
export function taskRow(app, task, watch, signal) {
  const status = h('div', { class: 'task-status' });
  const actions = h('div', { class: 'task-actions' });
  let stop = () => {};

  /** @param {Task} changed */
  const show = (changed) => {
    task = changed;
    const focused = actions.contains(document.activeElement);
    fill(status, statusBadge(task.status), h('span', { class: 'when' }, ...whenText(task)));
    fill(actions, taskActions(app, task, apply));
    if (focused) (actions.querySelector('button') ?? link).focus();
  };

  /** @param {Task} changed */
  const apply = (changed) => {
    if (signal.aborted || changed.seq <= task.seq) return;
    const awoken = !isUnfinished(task) && isUnfinished(changed);
    show(changed);
    if (awoken) follow();
  };

  const follow = () => {
    stop();
    stop = app.live.watch(task, (frame) => {
      // The times of the frame's attempt are not in it; the moment that it speaks of is close enough for a list.
      const { updated_at: at } = frame;
      apply({
        ...task,
        ...frame,
        started_at: frame.attempt > task.attempt ? at : task.started_at,
        finished_at: isUnfinished({ ...task, ...frame }) ? null : at,
      });
      if (!isUnfinished(task)) stop();
    });
  };

  const link = h('a', { class: 'task-name', href: `#/tasks/${task.id}` }, task.name);
  show(task);
  if (watch) follow();
  signal.addEventListener('abort', () => stop());

  return h(
    'li',
    { class: 'row task' },
    h(
      'div',
      { class: 'task-what' },
      link,
      h('span', { class: 'task-kind' }, kindLabel(task.kind), task.description && ` · ${task.description}`),
    ),
    status,
    actions,
  );
}
