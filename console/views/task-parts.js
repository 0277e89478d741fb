// @ts-check
import { whileBusy } from '../busy.js';
import { h } from '../dom.js';
import { distance } from '../times.js';
import { Problem } from '../transport.js';

/**
 * @typedef {import('../types.js').Task} Task
 * @typedef {import('../types.js').TaskStatus} TaskStatus
 */

/** Statuses as people call them. @type {Record<TaskStatus, string>} */
export const STATUS_LABELS = {
  PENDING: 'Waiting',
  SCHEDULED: 'Scheduled',
  RUNNING: 'Running',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
  CANCELLED: 'Cancelled',
};

/** @type {Record<string, string>} */
const KIND_LABELS = { 'data.process': 'Process data', 'http.request': 'HTTP request' };

const UNFINISHED = new Set(['PENDING', 'SCHEDULED', 'RUNNING']);
const RETRYABLE = new Set(['FAILED', 'CANCELLED']);

/** @param {string} kind */
export function kindLabel(kind) {
  return KIND_LABELS[kind] ?? kind;
}

/** Whether the task may still change by itself. @param {Task} task */
export function isUnfinished({ status }) {
  return UNFINISHED.has(status);
}

/** @param {TaskStatus} status */
export function statusBadge(status) {
  return h('span', { class: 'status', 'data-status': status }, STATUS_LABELS[status] ?? status);
}

/**
 * The one time that matters about a task in its status.
 *
 * @param {Task} task
 * @returns {import('../dom.js').Child[]}
 */
export function whenText({
  status,
  next_attempt_at,
  scheduled_time,
  started_at,
  finished_at,
  cancel_requested_at,
}) {
  if (status === 'PENDING') return ['for other tasks'];
  if (status === 'SCHEDULED' && next_attempt_at) return ['tries again ', distance(next_attempt_at)];
  if (status === 'SCHEDULED')
    return Date.parse(scheduled_time) > Date.now() ? ['starts ', distance(scheduled_time)] : ['due now'];
  if (status === 'RUNNING' && cancel_requested_at) return ['asked to stop'];
  if (status === 'RUNNING') return started_at ? ['started ', distance(started_at)] : [];
  return finished_at ? [distance(finished_at)] : [];
}

/**
 * The buttons for what can be done with a task now. Nothing is drawn for a viewer.
 *
 * @param {import('../main.js').App} app
 * @param {Task} task
 * @param {(task: Task) => void} onChanged given the row as the server left it
 */
export function taskActions(app, task, onChanged) {
  const role = app.organizations.find(({ id }) => id === task.organization)?.role;
  if (role === 'viewer') return null;
  if (RETRYABLE.has(task.status)) return action(app, 'Retry', task, app.api.retryTask, onChanged);
  if (!isUnfinished(task) || task.cancel_requested_at) return null;
  return action(app, task.status === 'RUNNING' ? 'Stop' : 'Cancel', task, app.api.cancelTask, onChanged);
}

/**
 * @param {import('../main.js').App} app
 * @param {string} label
 * @param {Task} task
 * @param {(id: string) => Promise<Task & { message: string }>} perform
 * @param {(task: Task) => void} onChanged
 */
function action(app, label, task, perform, onChanged) {
  const run = async () => {
    try {
      const { message, ...changed } = await perform(task.id);
      onChanged({ ...changed, payload: task.payload });
      app.announce(`${message}: ${task.name}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      app.announce(error.message);
      // It was in another status than was shown here.
      if (error.status === 409) await app.api.getTask(task.id).then(onChanged, () => {});
    }
  };
  /** @type {HTMLButtonElement} */
  const button = h(
    'button',
    {
      class: 'button small',
      type: 'button',
      'aria-label': `${label} ${task.name}`,
      onclick: () => whileBusy(button, run),
    },
    label,
  );
  return button;
}
