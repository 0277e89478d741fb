// @ts-check
import { whileBusy } from './busy.js';
import { fill, h } from './dom.js';
import { Problem } from './transport.js';

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Control */

let fields = 0;

/**
 * A labelled control with room for a hint and for why its value was refused.
 *
 * @param {string} label
 * @param {Control} control its `name` is the API's name of the field
 * @param {import('./dom.js').Child} [hint]
 */
export function field(label, control, hint) {
  const id = `field-${++fields}`;
  control.id = id;
  control.setAttribute('aria-describedby', hint ? `${id}-hint ${id}-refusal` : `${id}-refusal`);
  control.addEventListener('input', () => mark(control, ''));
  return h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label, control.required ? null : h('span', { class: 'optional' }, ' optional')),
    control,
    hint ? h('p', { class: 'hint', id: `${id}-hint` }, hint) : null,
    h('p', { class: 'refusal', id: `${id}-refusal` }),
  );
}

/**
 * A form that says beside each field why it was refused, and above the button what went wrong otherwise.
 *
 * @param {{ submit: string, onSubmit: (form: HTMLFormElement) => Promise<void>, class?: string }} options
 *   what `onSubmit` throws as a `Problem` is shown
 * @param {...import('./dom.js').Child} children
 */
export function form({ submit, onSubmit, class: name = 'form' }, ...children) {
  const alert = h('p', { class: 'alert', role: 'alert' });
  const button = h('button', { class: 'button primary', type: 'submit' }, submit);
  const element = h(
    'form',
    { class: name, novalidate: true },
    ...children,
    alert,
    h('div', { class: 'submit' }, button),
  );
  const submission = async () => {
    fill(alert);
    for (const control of controlsOf(element)) mark(control, '');
    if (!checkLocally(element)) return;
    try {
      await onSubmit(element);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      showRefusal(element, alert, error);
    }
  };
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    void whileBusy(button, submission);
  });
  return element;
}

/**
 * The text in a control of a form.
 *
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export function entered(form, name) {
  return String(new FormData(form).get(name) ?? '');
}

/** @param {HTMLFormElement} form */
function checkLocally(form) {
  const wrong = controlsOf(form).filter((control) => !control.checkValidity());
  for (const control of wrong) {
    const { valueMissing, typeMismatch } = control.validity;
    if (valueMissing) mark(control, 'Please fill this in.');
    else if (typeMismatch)
      mark(control, `This is not an ${control.type === 'email' ? 'email address' : control.type}.`);
    else mark(control, control.validationMessage);
  }
  wrong[0]?.focus();
  return wrong.length === 0;
}

/** @param {HTMLFormElement} form @param {HTMLElement} alert @param {Problem} problem */
function showRefusal(form, alert, problem) {
  const controls = controlsOf(form);
  /** @type {Map<Control, string[]>} */
  const refused = new Map();
  /** @type {string[]} */
  const elsewhere = [];
  for (const { pointer, detail } of problem.fields) {
    const [name, ...path] = pointer.slice(1).split('/');
    const control = controls.find((candidate) => candidate.name === name);
    if (control) refused.set(control, [...(refused.get(control) ?? []), [...path, detail].join(': ')]);
    else elsewhere.push(`${name}: ${detail}`);
  }
  for (const [control, reasons] of refused) mark(control, reasons.join('\n'));
  if (refused.size === 0) fill(alert, problem.message);
  else fill(alert, elsewhere.length > 0 ? elsewhere.join('\n') : 'Please change what is marked above.');
  controls.find((control) => refused.has(control))?.focus();
}

/** @param {Control} control @param {string} refusal why; '' when nothing is wrong */
function mark(control, refusal) {
  if (refusal) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
  const slot = document.getElementById(`${control.id}-refusal`);
  if (slot && slot.textContent !== refusal) slot.textContent = refusal;
}

/** @param {HTMLFormElement} form @returns {Control[]} */
function controlsOf(form) {
  return [...form.elements].filter(isControl);
}

/** @param {Element} element @returns {element is Control} */
function isControl(element) {
  return (
    element instanceof HTMLInputElement ||
    element instanceof HTMLSelectElement ||
    element instanceof HTMLTextAreaElement
  );
}
