import { randomBytes, randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import * as audit from '../../audit/store.ts';
import * as idempotency from '../../idempotency/store.ts';
import * as identity from '../../identity/store.ts';
import * as prices from '../../prices/store.ts';
import * as realtime from '../../realtime/store.ts';
import { type CallSetup, stranger } from './call-setup.ts';
import { type Call, type Calls, mine } from './calls.ts';

export { MAIL } from './mail-calls.ts';

const LATER = '2099-01-01T00:00:00Z';
const key = () => ({ key: randomUUID(), fingerprint: randomBytes(32), seed: uuidv7() });
const answer = { status: 201, body: '{}', location: null };

export const IDEMPOTENCY: Calls<typeof idempotency> = {
  find: { api: mine((tx, { member }) => idempotency.find(tx, member.userId, 'none')) },
  memberOf: {
    api: mine((tx, { member }) =>
      idempotency.memberOf(tx, member.userId, [member.organizationId, randomUUID()]),
    ),
  },
  forget: { api: mine((tx, { member }) => idempotency.forget(tx, { ...member, ...key() })) },
  remember: {
    api: mine((tx, { member }) =>
      idempotency.remember(tx, { ...member, ...key() }, { answer, organizationIds: [] }),
    ),
  },
  sweep: { dispatcher: (db) => idempotency.sweep(db, 100) },
  take: { api: mine((tx, { member }) => idempotency.take(tx, { ...member, ...key() })) },
  unlock: { api: mine((tx, { member }) => idempotency.unlock(tx, { ...member, ...key() })) },
};

const BITCOIN = { asset: 'bitcoin', currency: 'usd' };
const ANY = { asset: null, currency: null };
const RANGE = { from: null, to: null, after: null };
const tickOf = (bucket: Date) => ({
  bucket,
  outcome: 'stored' as const,
  readings: [{ ...BITCOIN, price: '1', change24h: null, updatedAt: bucket }],
  attempts: 1,
  detail: { calls: 1, failures: [], faults: {}, pairs: [] },
});
let buckets = 6_000_000;
const nextBucket = () => {
  buckets += 1;
  return new Date(buckets * 300_000);
};

export const PRICES: Calls<typeof prices> = {
  inRange: {
    api: [
      mine((tx, { member }) => prices.inRange(tx, member.organizationId, { ...ANY, ...RANGE, limit: 26 })),
      mine((tx, { member }) =>
        prices.inRange(tx, member.organizationId, {
          ...BITCOIN,
          ...RANGE,
          from: new Date(0),
          to: new Date(LATER),
          limit: 26,
        }),
      ),
      mine((tx, { member }) =>
        prices.inRange(tx, member.organizationId, {
          ...ANY,
          ...RANGE,
          after: { ...BITCOIN, bucket: new Date(LATER) },
          limit: 26,
        }),
      ),
    ],
  },
  latest: {
    api: [
      mine((tx, { member }) => prices.latest(tx, member.organizationId, ANY)),
      mine((tx, { member }) => prices.latest(tx, member.organizationId, BITCOIN)),
    ],
  },
  plan: { prices: (db) => prices.plan(db, nextBucket()) },
  record: { prices: (db) => prices.record(db, tickOf(nextBucket())) },
  unwatch: {
    api: [null, 'usd'].map((currency) =>
      mine((tx, { member }) =>
        prices.unwatch(tx, { organizationId: member.organizationId, asset: 'none', currency }),
      ),
    ),
  },
  watch: { api: mine((tx, { member }) => prices.watch(tx, { ...member, ...BITCOIN })) },
  watchlist: { api: mine((tx, { member }) => prices.watchlist(tx, member.organizationId)) },
};

/** Opens a connection of the member. */
async function connected(setup: CallSetup) {
  const { userId, sessionId } = setup.member;
  const id = randomUUID();
  await setup.admin`
    insert into connections (id, user_id, session_id, expires_at) values (${id}, ${userId}, ${sessionId}, now() + interval '1 hour')`;
  return id;
}
const forget: Call = async (db, setup) => {
  const id = await connected(setup);
  await setup.admin`select watch(${id}, ${(await setup.made('SCHEDULED', 1))[0] ?? ''}, 100)`;
  await realtime.forget(db, [id]);
};

export const REALTIME: Calls<typeof realtime> = {
  addTicket: {
    api: mine((tx, { member }) =>
      realtime.addTicket(tx, { hash: randomBytes(32), principal: member, lifeSeconds: 30 }),
    ),
  },
  forget: { socket: forget, dispatcher: forget },
  openConnection: { socket: mine((tx, { member }) => realtime.openConnection(tx, randomUUID(), member)) },
  overdueConnections: { dispatcher: (db) => realtime.overdueConnections(db, 100) },
  principalOf: { socket: async (db, setup) => realtime.principalOf(db, await connected(setup)) },
  redeemTicket: { socket: (db) => realtime.redeemTicket(db, randomBytes(32)) },
  sweepTickets: { dispatcher: (db) => realtime.sweepTickets(db) },
  unwatch: {
    socket: async (db, setup) =>
      realtime.unwatch(db, await connected(setup), (await setup.made('SCHEDULED', 1))[0] ?? ''),
  },
  unwatchBatch: {
    socket: async (db, setup) =>
      realtime.unwatchBatch(db, await connected(setup), (await setup.batch('RUNNING', 1)).id),
  },
  watch: {
    socket: async (db, setup) =>
      realtime.watch(db, await connected(setup), (await setup.made('SCHEDULED', 1))[0] ?? ''),
  },
  watchBatch: {
    socket: async (db, setup) =>
      realtime.watchBatch(db, await connected(setup), (await setup.batch('RUNNING', 1)).id),
  },
};

const hash = () => randomBytes(32);
const newUser = () => {
  const id = uuidv7();
  return { id, email: `${id}@example.com`, username: `${id}@example.com`, name: '', passwordHash: '-' };
};

const publishKeys: Call = (db) =>
  identity.publishKeys(db, [
    { kid: 'k', publicJwk: { kid: 'k', kty: 'OKP', crv: 'Ed25519', x: '', alg: 'EdDSA', use: 'sig' } },
  ]);

const EVENT = {
  action: 'session.refused',
  userId: null,
  sessionId: null,
  target: null,
  address: '::1',
} as const;
const identityEvent: Call = (db, { member: { userId } }) =>
  audit.insertIdentityEvent(db, { ...EVENT, userId });

export const AUDIT: Calls<typeof audit> = {
  insertAct: {
    api: mine((tx, { member: { organizationId, userId: target } }) =>
      audit.insertAct(tx, { organizationId, action: 'member.added', target, details: {}, address: null }),
    ),
  },
  insertIdentityEvent: { auth: identityEvent, session: identityEvent },
  list: {
    api: [null, uuidv7()].map((beforeId) =>
      mine((tx, { member }) => audit.list(tx, member.organizationId, { beforeId, limit: 26 })),
    ),
  },
  sweep: { dispatcher: (db) => audit.sweep(db, 100) },
};

export const IDENTITY: Calls<typeof identity> = {
  countRequest: { auth: (db) => identity.countRequest(db, hash(), 900) },
  createPersonalOrganization: {
    auth: async (db, setup) =>
      identity.createPersonalOrganization(db, {
        id: uuidv7(),
        ownerId: await stranger(setup),
        name: 'Home',
      }),
  },
  endSession: { session: (db) => identity.endSession(db, uuidv7(), 'logout') },
  findAccount: { auth: (db, { member }) => identity.findAccount(db, `${member.userId}@example.com`) },
  findUsed: {
    session: (db) =>
      identity.findUsed(db, { tokenHash: hash(), candidates: [hash(), hash()], graceSeconds: 10 }),
  },
  forgetRequests: { auth: (db) => identity.forgetRequests(db, hash()) },
  insertSession: {
    auth: (db, { member }) => identity.insertSession(db, { ...member, sessionId: uuidv7() }, hash()),
  },
  insertUser: { auth: (db) => identity.insertUser(db, newUser()) },
  isLiveSession: { session: (db, { member }) => identity.isLiveSession(db, member) },
  isUsable: { session: (db) => identity.isUsable(db, hash()) },
  publishKeys: { auth: publishKeys, session: publishKeys },
  readOwnOrganizations: {
    session: mine((tx, { member }) => identity.readOwnOrganizations(tx, member.userId, 1_000)),
  },
  readPublicKeys: {
    session: identity.readPublicKeys,
    api: identity.readPublicKeys,
    socket: identity.readPublicKeys,
  },
  readUser: { session: (db, { member }) => identity.readUser(db, member.userId) },
  replacePasswordHash: {
    auth: (db, { member }) =>
      identity.replacePasswordHash(db, { userId: member.userId, oldHash: 'other', newHash: '-' }),
  },
  rotate: { session: (db) => identity.rotate(db, hash(), hash()) },
  sessionOf: { session: (db) => identity.sessionOf(db, hash()) },
  sweepExpired: { dispatcher: (db) => identity.sweepExpired(db, 100) },
  whichIsTaken: { auth: (db) => identity.whichIsTaken(db, newUser()) },
};
