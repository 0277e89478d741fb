// @ts-check
import { createApi } from './api.js';
import { byId, fill, h } from './dom.js';
import { rememberedOrganization } from './organization.js';
import { routeOf } from './routes.js';
import { createSession } from './session.js';
import { createLiveUpdates } from './socket.js';
import { keepTime } from './times.js';
import { failure } from './views/failure.js';
import { header } from './views/header.js';
import { login } from './views/login.js';
import { register } from './views/register.js';

/**
 * @typedef {import('./types.js').Organization} Organization
 * @typedef {import('./types.js').User} User
 */

/**
 * Says something to everybody: to a screen reader, and on screen for a while unless `quietly`, where it can be seen
 * anyway.
 *
 * @typedef {(text: string, how?: 'aloud' | 'quietly') => void} Announce
 */

/**
 * What every view is given.
 *
 * @typedef {{
 *   api: import('./api.js').Api, session: import('./session.js').Session, live: import('./socket.js').LiveUpdates,
 *   user: User, organizations: Organization[], organization: Organization,
 *   announce: Announce, title: (text: string) => void, reload: () => Promise<void>,
 * }} App
 */

/**
 * A page: builds its element at once, and loads into it. `signal` aborts when the page is left.
 *
 * @typedef {{ params: string[], query: URLSearchParams, signal: AbortSignal }} Visit
 * @typedef {(app: App, visit: Visit) => HTMLElement} View
 */

/** How long an announcement stays on screen, in milliseconds. */
const SAID_MS = 5000;

const main = byId('main');
const selected = rememberedOrganization(sessionStorage);
const frame = header(byId('header'), {
  onOrganization: (id) => {
    selected.remember(id);
    if (location.hash.startsWith('#/tasks/')) location.hash = '#/tasks';
    void enter();
  },
  onLogout: () => session.logout(),
});

/** @type {Partial<Record<import('./tabs.js').SessionChange, string>>} */
const FAREWELL = { ended: 'You are logged out.', expired: 'Your session has ended. Please log in again.' };

const session = createSession(sessionStorage, (change) => {
  if (change === 'began') void enter();
  if (change !== 'ended' && change !== 'expired') return;
  live.stop();
  app = null;
  selected.forget();
  if (change === 'ended') history.replaceState(null, '', '#/');
  show(FAREWELL[change]);
});
const api = createApi(session);
const live = createLiveUpdates({ ticket: api.socketTicket, url: socketUrl(), onState: frame.connection });

/** @type {App | null} */
let app = null;
/** Of the page that is shown. */
let leaving = new AbortController();

keepTime();
addEventListener('hashchange', () => show());
await session.restore();
if (session.exists()) await enter();
else show();

/** Loads who is logged in, then shows the page that the address names. */
async function enter() {
  try {
    const { user, organizations } = await api.me();
    const organization = selected.among(organizations);
    if (!organization) throw new Error('A user has no organization');
    app = { api, session, live, user, organizations, organization, announce, title, reload: enter };
    show();
  } catch (error) {
    if (!session.exists()) return;
    if (!app) frame.loggedOut();
    present(failure(error, 'Your account could not be loaded', () => void enter()));
  }
}

/** @param {string} [notice] what to say above the login form */
function show(notice) {
  leaving.abort();
  leaving = new AbortController();
  if (!app) {
    frame.loggedOut();
    present(location.hash === '#/register' ? register(session) : login(session, notice));
    return;
  }
  if (/^#?\/?(login|register)?$/.test(location.hash)) history.replaceState(null, '', '#/tasks');
  const { view, params, query, section } = routeOf(location.hash);
  frame.loggedIn(app, section);
  present(view(app, { params, query, signal: leaving.signal }));
}

/** @param {HTMLElement} page its heading takes the focus, so that a screen reader says where one is */
function present(page) {
  fill(main, page);
  const heading = page.querySelector('h1');
  title(heading?.textContent ?? '');
  const first = page.querySelector('[data-first]') ?? heading;
  if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** @param {string} text */
function title(text) {
  document.title = text ? `${text} · Celeriac` : 'Celeriac';
}

/** @type {Announce} */
function announce(text, how = 'aloud') {
  const line = byId('announcements');
  const said = h('span', { class: how === 'quietly' && 'visually-hidden' }, text);
  // One at a time on screen; a screen reader reads each.
  if (how === 'aloud')
    for (const earlier of line.querySelectorAll('span:not(.visually-hidden)')) earlier.remove();
  line.append(said);
  setTimeout(() => said.remove(), SAID_MS);
}

function socketUrl() {
  const url = new URL('/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  return url;
}
