// @ts-check
import { joinTabs } from './tabs.js';
import { Problem, send } from './transport.js';

/**
 * @typedef {import('./tabs.js').Tokens} Tokens
 * @typedef {import('./tabs.js').SessionChange} SessionChange
 * @typedef {ReturnType<typeof createSession>} Session
 */

const KEY = 'celeriac.refresh';

/** @type {Tokens} */
const NONE = { access: null, refresh: null };

/**
 * The login of this tab. The access token lives in memory only, the refresh token as long as the tab.
 *
 * @param {Storage} storage
 * @param {(change: SessionChange) => void} onChange called for what this tab or another one did to the login
 */
export function createSession(storage, onChange) {
  /** @type {Tokens} */
  let tokens = { access: null, refresh: storage.getItem(KEY) };
  /** @type {Promise<string> | null} */
  let renewing = null;

  /** @param {Tokens} next @param {SessionChange} change */
  const adopt = (next, change) => {
    tokens = next;
    if (next.refresh) storage.setItem(KEY, next.refresh);
    else storage.removeItem(KEY);
    onChange(change);
  };
  const tabs = joinTabs({ current: () => tokens, adopt });

  /** @param {Tokens} next @param {SessionChange} change */
  const become = ({ access, refresh }, change) => {
    tabs.tell({ access, refresh }, change);
    adopt({ access, refresh }, change);
  };

  const exchange = async () => {
    const { refresh } = tokens;
    if (!refresh) throw new Problem(401, 'not_authenticated', 'Please log in.');
    /** Logged out, or renewed by another tab, while the answer was under way: that is what counts then. */
    const superseded = () => tokens.refresh !== refresh;
    try {
      const fresh = await send('/api/auth/refresh', { method: 'POST', body: { refresh } });
      if (!superseded()) become(fresh, 'renewed');
    } catch (error) {
      if (!superseded() && error instanceof Problem && (error.status === 401 || error.status === 400)) {
        become(NONE, 'expired');
      }
      if (!superseded() || !tokens.access) throw error;
    }
    if (!tokens.access) throw new Problem(401, 'session_ended', 'Your session has ended.');
    return tokens.access;
  };

  /**
   * A newer access token than the one that was refused. Callers at the same time share one exchange.
   *
   * @param {string | null} refused
   * @returns {Promise<string>}
   */
  const renew = async (refused) => {
    if (tokens.access && tokens.access !== refused) return tokens.access;
    renewing ??= exchange().finally(() => {
      renewing = null;
    });
    return renewing;
  };

  return {
    /** Whether there is a login; the server may have ended it. */
    exists: () => tokens.refresh !== null,

    /** Takes the login over from another tab, if this one has none. */
    async restore() {
      if (!tokens.refresh) await tabs.ask();
    },

    /** @param {{ email: string, password: string, name?: string }} registration */
    async register(registration) {
      become(await send('/api/auth/register', { method: 'POST', body: registration }), 'began');
    },

    /** @param {{ email: string, password: string }} credentials */
    async login(credentials) {
      become(await send('/api/auth/login', { method: 'POST', body: credentials }), 'began');
    },

    /** Ends the login here even when the server cannot be told. */
    async logout() {
      const { refresh } = tokens;
      become(NONE, 'ended');
      if (refresh) await send('/api/auth/logout', { method: 'POST', body: { refresh } }).catch(() => {});
    },

    /** The access token; one is fetched if there is none. */
    access: () => renew(null),

    renew,
  };
}
