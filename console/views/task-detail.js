// @ts-check
import { fill, h } from '../dom.js';
import { duration, moment } from '../times.js';
import { failure } from './failure.js';
import { jsonBlock, outcome } from './task-outcome.js';
import { isUnfinished, kindLabel, STATUS_LABELS, statusBadge, taskActions, whenText } from './task-parts.js';

/** @typedef {import('../types.js').Task} Task */

/** One task, live. @type {import('../main.js').View} */
export function taskDetail(app, { params: [id = ''], signal }) {
  /** @type {Task | null} */
  let task = null;
  const heading = h('h1', { tabindex: -1 }, 'Task');
  const head = h('div', { class: 'detail-head' });
  const body = h('div', { class: 'detail', 'aria-busy': 'true' });
  const payload = h('details', { class: 'payload', hidden: true }, h('summary', {}, 'Payload'));
  const actions = h('div', { class: 'task-actions' });

  /** @param {Task} changed */
  const apply = (changed) => {
    if (signal.aborted || (task && changed.seq < task.seq)) return;
    if (task && changed.status !== task.status)
      app.announce(`${STATUS_LABELS[changed.status]}: ${changed.name}`, 'quietly');
    task = changed;
    const focused = actions.contains(document.activeElement);
    fill(head, statusBadge(task.status), h('span', { class: 'when' }, ...whenText(task)));
    fill(actions, taskActions(app, task, apply));
    if (focused) (actions.querySelector('button') ?? heading).focus();
    fill(body, ...sections(task));
  };

  const load = async () => {
    try {
      const first = await app.api.getTask(id);
      if (signal.aborted) return;
      fill(heading, first.name);
      app.title(first.name);
      payload.append(jsonBlock(first.payload));
      payload.hidden = false;
      apply(first);
      const stop = app.live.watch(first, (frame) => {
        if (!task || frame.seq <= task.seq) return;
        apply({ ...task, ...frame });
        // The frame lacks the times, and a large result.
        void app.api.getTask(id).then(apply, () => {});
      });
      signal.addEventListener('abort', stop);
    } catch (error) {
      if (signal.aborted) return;
      const problem = failure(error, 'The task could not be loaded', () => void load());
      fill(body, problem);
    }
    body.removeAttribute('aria-busy');
  };
  void load();

  return h(
    'section',
    { class: 'page' },
    h('p', { class: 'crumb' }, h('a', { href: '#/tasks' }, 'Tasks')),
    h('div', { class: 'page-head' }, heading, actions),
    head,
    body,
    payload,
  );
}

/** @param {Task} task */
function sections(task) {
  return [
    task.description ? h('p', { class: 'lead' }, task.description) : null,
    h(
      'dl',
      { class: 'facts' },
      ...facts(task).flatMap(([name, ...value]) => [h('div', {}, h('dt', {}, name), h('dd', {}, ...value))]),
    ),
    ...outcome(task),
  ];
}

/**
 * @param {Task} task
 * @returns {[name: string, ...value: import('../dom.js').Child[]][]}
 */
function facts(task) {
  const { started_at: started, finished_at: finished, cancel_requested_at: stopping } = task;
  return [
    ['Kind', kindLabel(task.kind)],
    ['Created', moment(task.created_at)],
    ['Scheduled for', moment(task.scheduled_time)],
    ['Started', started ? moment(started) : '—'],
    ['Finished', finished ? moment(finished) : '—'],
    ['Took', started && finished ? duration(started, finished) : '—'],
    ['Attempts', attempts(task)],
    ...(stopping && isUnfinished(task)
      ? [/** @type {[string, Node]} */ (['Asked to stop', moment(stopping)])]
      : []),
    ['Id', h('code', {}, task.id)],
  ];
}

/** @param {Task} task */
function attempts({ attempt, max_retries: retries }) {
  const granted =
    retries === 0
      ? 'no automatic retries'
      : `up to ${retries} automatic ${retries === 1 ? 'retry' : 'retries'}`;
  return `${attempt} so far; ${granted}`;
}
