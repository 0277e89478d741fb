// @ts-check
import { fill, h } from '../dom.js';

/**
 * @typedef {import('../main.js').App} App
 * @typedef {import('../routes.js').Section} Section
 */

/** @type {[section: Section, label: string][]} */
const SECTIONS = [
  ['tasks', 'Tasks'],
  ['prices', 'Prices'],
  ['organizations', 'Organizations'],
];

/** @type {Record<import('../socket.js').Connection, string>} */
const CONNECTION = { off: '', connecting: 'Connecting…', live: 'Live' };

/**
 * The frame above every page: name, sections, organization, who is logged in.
 *
 * @param {HTMLElement} element
 * @param {{ onOrganization: (id: string) => void, onLogout: () => void }} actions
 */
export function header(element, { onOrganization, onLogout }) {
  const mark = brand();
  const connection = h('span', { class: 'connection', 'data-state': 'off' });

  return {
    /** @param {import('../socket.js').Connection} state of the live updates */
    connection(state) {
      connection.dataset.state = state;
      fill(connection, CONNECTION[state]);
    },

    loggedOut() {
      element.classList.remove('full');
      fill(element, mark);
    },

    /** @param {App} app @param {Section} section the one that is shown */
    loggedIn(app, section) {
      element.classList.add('full');
      fill(
        element,
        mark,
        h(
          'nav',
          { 'aria-label': 'Sections' },
          ...SECTIONS.map(([name, label]) => sectionLink(name, label, section)),
        ),
        h('div', { class: 'account' }, connection, switcher(app, onOrganization), who(app, onLogout)),
      );
    },
  };
}

function brand() {
  return h(
    'a',
    { class: 'brand', href: '#/tasks' },
    h('img', { src: 'icon.svg', alt: '', width: 34, height: 34 }),
    h('span', {}, 'Celeriac'),
  );
}

/** @param {Section} name @param {string} label @param {Section} shown */
function sectionLink(name, label, shown) {
  return h('a', { href: `#/${name}`, 'aria-current': name === shown ? 'page' : null }, label);
}

/** @param {App} app @param {(id: string) => void} onOrganization */
function switcher({ organizations, organization }, onOrganization) {
  const select = h(
    'select',
    { class: 'switcher', 'aria-label': 'Organization' },
    ...organizations.map(({ id, name }) =>
      h('option', { value: id, selected: id === organization.id }, name),
    ),
  );
  select.addEventListener('change', () => onOrganization(select.value));
  return select;
}

/** @param {App} app @param {() => void} onLogout */
function who({ user }, onLogout) {
  return h(
    'span',
    { class: 'who' },
    h('span', { class: 'who-name', title: user.email }, user.name || user.email),
    h('button', { class: 'button quiet', type: 'button', onclick: onLogout }, 'Log out'),
  );
}
