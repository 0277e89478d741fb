import { memoryArtifacts } from '../../aws/testing/memory-artifacts.ts';
import type { DatabaseFixture } from '../../database/testing/database-fixture.ts';
import { publishedKeys } from '../../identity/keys/published-keys.ts';
import { authFunction, ISSUER, newcomer } from '../../identity/testing/auth-function.ts';
import type { Task, WakeUp, Watched } from '../../tasks/task.ts';
import { DISPATCH } from '../../tasks/verification/fixtures.ts';
import { createApi } from '../api.ts';
import type { App } from '../app/app.ts';
import { openApiDocument } from '../document/document.ts';
import { holdToDescription } from './described.ts';

// biome-ignore lint/suspicious/noExplicitAny: a test reads any member of the answer, and fails where the member is missing
export type Answer = { status: number; headers: Headers; body: any };

/** A registered user, with a function that sends requests in the user's name. */
export type Client = {
  userId: string;
  /** The user's personal organization. */
  organizationId: string;
  access: string;
  ask: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
};

/** Starts a sandbox of the api function under its own role, with users that register through the auth function. */
export function apiFunction(on: DatabaseFixture) {
  const db = on.as('api');
  const auth = authFunction(on);
  const announced: Watched<Task>[] = [];
  const woken: WakeUp[] = [];
  const faults: unknown[] = [];
  const queue = { isDown: false };
  const { artifacts, objects } = memoryArtifacts();
  const app = createApi(
    {
      db,
      artifacts,
      dispatch: DISPATCH,
      announce: (tasks) => announced.push(...tasks),
      membershipEnded: () => {},
      enqueue: async (wakeUps) => {
        if (queue.isDown) return wakeUps.flatMap((wakeUp) => [...wakeUp.ids]);
        woken.push(...wakeUps);
        return [];
      },
      issuer: ISSUER,
      findKey: publishedKeys(db),
    },
    (message, details) => faults.push({ message, ...details }),
  );
  holdToDescription(app, openApiDocument(app));
  const register = async (): Promise<Client> => {
    const { body } = await auth.post('/api/auth/register', newcomer());
    const ask = asking(app, body.access);
    const { body: organizations } = await ask('GET', '/api/organizations/');
    return { userId: body.user.id, organizationId: organizations.results[0].id, access: body.access, ask };
  };
  return {
    app,
    auth,
    db,
    register,
    announced,
    woken,
    queue,
    artifacts,
    objects,
    faults,
    anonymous: asking(app, undefined),
  };
}

function asking(app: App, access: string | undefined): Client['ask'] {
  return async (method, path, body, headers = {}) => {
    const response = await app.request(path, {
      method,
      headers: {
        ...(access && { authorization: `Bearer ${access}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  };
}
