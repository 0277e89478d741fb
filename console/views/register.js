// @ts-check
import { h } from '../dom.js';
import { entered, field, form } from '../form.js';

/** @param {import('../session.js').Session} session */
export function register(session) {
  return h(
    'section',
    { class: 'page narrow' },
    h('h1', { tabindex: -1 }, 'Create an account'),
    form(
      { submit: 'Create account', onSubmit: (filled) => session.register(registrationOf(filled)) },
      field('Name', h('input', { name: 'name', autocomplete: 'name', 'data-first': true })),
      field('Email', h('input', { name: 'email', type: 'email', autocomplete: 'email', required: true })),
      field(
        'Password',
        h('input', { name: 'password', type: 'password', autocomplete: 'new-password', required: true }),
        'At least 8 characters; a few words make a good one.',
      ),
    ),
    h('p', { class: 'aside' }, 'Have an account? ', h('a', { href: '#/login' }, 'Log in')),
  );
}

/** @param {HTMLFormElement} filled */
function registrationOf(filled) {
  const name = entered(filled, 'name').trim();
  return {
    email: entered(filled, 'email').trim(),
    password: entered(filled, 'password'),
    ...(name && { name }),
  };
}
