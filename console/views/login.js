// @ts-check
import { h } from '../dom.js';
import { entered, field, form } from '../form.js';

/**
 * @param {import('../session.js').Session} session
 * @param {string} [notice] why one is here
 */
export function login(session, notice) {
  return h(
    'section',
    { class: 'page narrow' },
    h('h1', { tabindex: -1 }, 'Log in'),
    notice ? h('p', { class: 'notice', role: 'status' }, notice) : null,
    form(
      {
        submit: 'Log in',
        onSubmit: (filled) =>
          session.login({ email: entered(filled, 'email').trim(), password: entered(filled, 'password') }),
      },
      field(
        'Email',
        h('input', {
          name: 'email',
          type: 'text',
          inputmode: 'email',
          autocomplete: 'username',
          required: true,
          'data-first': true,
        }),
      ),
      field(
        'Password',
        h('input', { name: 'password', type: 'password', autocomplete: 'current-password', required: true }),
      ),
    ),
    h('p', { class: 'aside' }, 'New here? ', h('a', { href: '#/register' }, 'Create an account')),
  );
}
