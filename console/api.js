// @ts-check
import { Problem, send } from './transport.js';

/**
 * @typedef {import('./types.js').Task} Task
 * @typedef {import('./types.js').Price} Price
 * @typedef {import('./types.js').Organization} Organization
 * @typedef {import('./types.js').User} User
 * @typedef {import('./transport.js').Sending} Sending
 * @typedef {ReturnType<typeof createApi>} Api
 */

/**
 * @template Item
 * @typedef {{ results: Item[], next_cursor: string | null }} Page
 */

/** What a row of the list shows, and what its buttons need. */
const ROW_FIELDS = [
  'name',
  'description',
  'kind',
  'status',
  'organization',
  'seq',
  'attempt',
  'created_by',
  'scheduled_time',
  'next_attempt_at',
  'started_at',
  'finished_at',
  'cancel_requested_at',
  'updated_at',
].join();

/**
 * The API as the console uses it. Every call rejects with a `Problem`.
 *
 * @param {import('./session.js').Session} session
 */
export function createApi(session) {
  /**
   * Sends with the login's token; a refused token is renewed once.
   *
   * @param {string} path
   * @param {Sending} [sending]
   */
  async function call(path, sending = {}) {
    const access = await session.access();
    try {
      return await send(path, { ...sending, access });
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
      return send(path, { ...sending, access: await session.renew(access) });
    }
  }

  /**
   * @param {string} path
   * @param {unknown} [body]
   */
  const post = (path, body) => call(path, { method: 'POST', ...(body !== undefined && { body }) });

  return {
    /** @returns {Promise<{ user: User, organizations: Organization[] }>} */
    me: () => call('/api/auth/me'),

    /** @param {string} name @returns {Promise<Organization>} */
    createOrganization: (name) => post('/api/organizations/', { name }),

    /**
     * @param {{ organization: string, status?: string, cursor?: string | null, limit?: number }} filter
     * @param {AbortSignal} [signal]
     * @returns {Promise<Page<Task>>}
     */
    listTasks: (filter, signal) =>
      call(`/api/tasks/?${query({ ...filter, fields: ROW_FIELDS })}`, signal ? { signal } : {}),

    /** @param {Record<string, unknown>} task @returns {Promise<Task>} */
    createTask: (task) => post('/api/tasks/', task),

    /** @param {string} id @returns {Promise<Task>} */
    getTask: (id) => call(`/api/tasks/${encodeURIComponent(id)}/`),

    /** @param {string} id @returns {Promise<Task & { message: string }>} */
    cancelTask: (id) => post(`/api/tasks/${encodeURIComponent(id)}/cancel/`),

    /** @param {string} id @returns {Promise<Task & { message: string }>} */
    retryTask: (id) => post(`/api/tasks/${encodeURIComponent(id)}/retry/`),

    /** @param {string} organization @returns {Promise<Page<Price>>} */
    latestPrices: (organization) => call(`/api/organizations/${encodeURIComponent(organization)}/prices/`),

    /** @param {string} organization @param {{ asset: string, currency: string }} pair */
    follow: (organization, pair) =>
      post(`/api/organizations/${encodeURIComponent(organization)}/watchlist/`, pair),

    /** @param {string} organization @param {{ asset: string, currency: string }} pair @returns {Promise<void>} */
    unfollow: (organization, { asset, currency }) =>
      call(
        `/api/organizations/${encodeURIComponent(organization)}/watchlist/${encodeURIComponent(asset)}/?${query({ currency })}`,
        { method: 'DELETE' },
      ),

    /** @returns {Promise<string>} a login for one WebSocket */
    socketTicket: async () => (await post('/api/ws-tickets/')).ticket,
  };
}

/** @param {Record<string, string | number | null | undefined>} parameters */
function query(parameters) {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined || value === null || value === '' ? [] : [[name, String(value)]],
  );
  return new URLSearchParams(given).toString();
}
