// @ts-check

/** @typedef {import('./types.js').Organization} Organization */

const KEY = 'celeriac.organization';

/**
 * The organization that this tab works in; the personal one until another is chosen.
 *
 * @param {Storage} storage
 */
export function rememberedOrganization(storage) {
  return {
    /** @param {readonly Organization[]} organizations */
    among: (organizations) =>
      organizations.find(({ id }) => id === storage.getItem(KEY)) ??
      organizations.find(({ personal }) => personal) ??
      organizations[0],
    /** @param {string} id */
    remember: (id) => storage.setItem(KEY, id),
    forget: () => storage.removeItem(KEY),
  };
}

/** Whether the role may change what is in the organization. @param {Organization} organization */
export function mayChange({ role }) {
  return role !== 'viewer';
}
