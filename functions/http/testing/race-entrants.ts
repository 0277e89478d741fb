import { purge } from '../../tasks/dispatcher/retention.ts';
import * as store from '../../tasks/store/index.ts';
import { DISPATCH } from '../../tasks/verification/fixtures.ts';
import type { RaceSide } from './race-side.ts';
import type { Person, Stage } from './race-stage.ts';

/** An action of one side. Resolves to the status of its answer, or to undefined for an action without an answer. */
type Entrant = (side: RaceSide, stage: Stage) => Promise<number | undefined>;

export type Entrants = Readonly<Record<string, { route?: string; run: Entrant }>>;

/** Replaces `{name}` in a path by the stage's value of this name. For the name of a person, the value is the person's id. */
function filled(path: string, stage: Stage): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const person = stage.people[name as Person];
    return person ? person.userId : String(stage[name as keyof Stage]);
  });
}

type Body = object | ((stage: Stage) => object);

/** Returns a request of a person. @param named the path in the API's own description, when the stage's names differ from it */
function request(
  person: Person,
  line: string,
  body?: Body,
  headers: (stage: Stage) => Record<string, string> = () => ({}),
): Entrants[string] {
  const [method = '', path = ''] = line.split(' ');
  return {
    route: line,
    run: (side, stage) =>
      side.request(
        method,
        filled(path, stage),
        stage.people[person].access,
        typeof body === 'function' ? body(stage) : body,
        headers(stage),
      ),
  };
}

/** Returns background work of a function, without a waiting client. The work must not fail. */
const work = (run: (side: RaceSide, stage: Stage) => Promise<unknown>): Entrants[string] => ({
  run: async (side, stage) => {
    await run(side, stage);
    return undefined;
  },
});

const keyed = (stage: Stage) => ({ 'idempotency-key': stage.fresh });
const inOrganization =
  (given: object = {}) =>
  ({ organization }: Stage) => ({ name: 'Task', organization, ...given });

/** Actions that change an organization or something in it. */
export const CHANGES: Entrants = {
  'delete the organization': request('owner', 'DELETE /api/organizations/{organization}'),
  'change its bounds': request('owner', 'PATCH /api/organizations/{organization}', {
    max_running: 3,
    retention_days: 20,
  }),
  'invite a member': request('owner', 'POST /api/organizations/{organization}/invitations', ({ people }) => ({
    username: people.stranger.username,
  })),
  'accept an invitation': request('stranger', 'POST /api/invitations/{invitation}/accept'),
  'decline an invitation': request('stranger', 'POST /api/invitations/{invitation}/decline'),
  'revoke an invitation': request(
    'coOwner',
    'DELETE /api/organizations/{organization}/invitations/{invitation}',
  ),
  'promote the member': request('owner', 'PATCH /api/organizations/{organization}/members/{member}', {
    role: 'admin',
  }),
  'remove the member': request('owner', 'DELETE /api/organizations/{organization}/members/{member}'),
  'leave as an owner': request('owner', 'DELETE /api/organizations/{organization}/members/{owner}'),
  'leave as the other owner': request(
    'coOwner',
    'DELETE /api/organizations/{organization}/members/{coOwner}',
  ),
  'demote the other owner': request('owner', 'PATCH /api/organizations/{organization}/members/{coOwner}', {
    role: 'member',
  }),
  'create a task': request('member', 'POST /api/tasks', inOrganization()),
  'create a task with a unique and an idempotency key': request(
    'member',
    'POST /api/tasks',
    inOrganization({ unique_key: 'failed' }),
    keyed,
  ),
  'create a task that waits': request('member', 'POST /api/tasks', (stage) => ({
    ...inOrganization()(stage),
    depends_on: [stage.waiting],
  })),
  'create a batch': request('member', 'POST /api/tasks/bulk', ({ organization }) => ({
    organization,
    tasks: [{ name: 'a', unique_key: 'failed' }, { name: 'b' }],
  })),
  'begin an import': request(
    'member',
    'POST /api/batches/import',
    ({ organization, upload }) => ({ organization, upload, format: 'ndjson' }),
    keyed,
  ),
  'cancel a task': request('member', 'POST /api/tasks/{waiting}/cancel'),
  'retry a task': request('member', 'POST /api/tasks/{failed}/retry'),
  'cancel by a filter': request('member', 'POST /api/bulk-actions', ({ organization }) => ({
    action: 'cancel',
    filter: { organization },
  })),
  'retry a batch': request('coOwner', 'POST /api/batches/{batch}/retry'),
  'cancel an import': request('member', 'POST /api/batches/{importing}/cancel'),
  pause: request('owner', 'POST /api/pauses', ({ organization }) => ({ organization, kind: 'data.process' })),
  follow: request('member', 'POST /api/organizations/{organization}/watchlist', { asset: 'ethereum' }),
  'log the member out': request('member', 'POST /api/auth/logout/'),
  'watch a task': {
    run: (side, { connection, failed }) =>
      side.socketEvent(connection, { action: 'subscribe', task: failed }),
  },
  'complete the running task': work(({ worker }, { running }) =>
    store.settle(worker, [{ kind: 'complete', id: running, attempt: 1, result: null }], DISPATCH),
  ),
  'remove what is old': work(({ dispatcher }) =>
    purge({ db: dispatcher, removeArtifact: async () => {} }, () => true),
  ),
};

const newcomer = ({ fresh }: Stage) => ({
  email: `${fresh}@example.com`,
  username: fresh,
  password: `correct horse ${fresh}`,
});

/** Actions that change sessions and accounts. */
export const LOGINS: Entrants = {
  register: request('member', 'POST /api/auth/register/', newcomer),
  'register with the same email': request('member', 'POST /api/auth/register/', (stage) => ({
    ...newcomer(stage),
    username: `other-${stage.fresh}`,
  })),
  'register with the same username': request('member', 'POST /api/auth/register/', (stage) => ({
    ...newcomer(stage),
    email: `other-${stage.fresh}@example.com`,
  })),
  'log in': request('member', 'POST /api/auth/login/', ({ fresh }) => ({
    username: fresh,
    password: `correct horse ${fresh}`,
  })),
  'log in with a wrong password': request('member', 'POST /api/auth/login/', ({ fresh }) => ({
    username: fresh,
    password: 'wrong',
  })),
  refresh: request('member', 'POST /api/token/refresh/', ({ people }) => ({
    refresh: people.member.refresh,
  })),
  'log out': request('member', 'POST /api/auth/logout/'),
  'log out by the refresh token': request('member', 'POST /api/auth/logout/', ({ people }) => ({
    refresh: people.member.refresh,
  })),
  'ask who one is': request('member', 'GET /api/auth/me/'),
  'take a ticket': request('member', 'POST /api/ws-tickets', undefined, keyed),
};
