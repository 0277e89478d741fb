import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Database } from '../../database/connect.ts';
import type { Principal } from '../../database/enter.ts';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import { type App, createApp } from '../../http/app/app.ts';
import { registerPriceRoutes } from '../../http/routes/prices.ts';
import { type Arranged, arrange } from './organizations.ts';

export const BITCOIN = { asset: 'bitcoin', currency: 'usd' };
export const BITCOIN_EUR = { asset: 'bitcoin', currency: 'eur' };
export const ETHEREUM = { asset: 'ethereum', currency: 'usd' };

/** Set-up of tests of the price routes. */
type PriceApi = {
  on: DatabaseFixture;
  admin: Database;
  /** A connection of the api function. */
  db: Database;
  arranged: Arranged;
  app: App;
  /** Makes all requests. */
  principal: Principal;
  /** Errors that were no refusals. */
  faults: unknown[];
};

/** Registers the set-up of a file with tests of the price routes. Each test begins without organizations and prices. */
export function priceApi() {
  const api = { faults: [] as unknown[] } as PriceApi;

  beforeAll(async () => {
    api.on = await databaseFixture();
    api.admin = api.on.admin;
    api.db = api.on.as('api');
    api.arranged = arrange(api.on);
    api.app = createApp((_message, { error }) => api.faults.push(error));
    api.app.use(async (c, next) => {
      c.set('principal', api.principal);
      await next();
    });
    registerPriceRoutes(api.app, { db: api.db });
  });
  afterAll(() => api.on.close());
  beforeEach(async () => {
    api.faults = [];
    await api.arranged.clear();
  });

  async function request(method: string, path: string, body?: unknown) {
    const response = await api.app.request(path, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }

  return Object.assign(api, {
    request,
    prices: (id: string, query = '') => request('GET', `/api/organizations/${id}/prices/${query}`),
    /** Creates an organization. Its member makes all requests from now on. */
    async enterOrganization(...args: Parameters<Arranged['organization']>): Promise<string> {
      const made = await api.arranged.organization(...args);
      api.principal = made;
      return made.id;
    },
  });
}

export const watchlist = (id: string) => `/api/organizations/${id}/watchlist/`;
