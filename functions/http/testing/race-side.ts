import { memoryArtifacts } from '../../aws/testing/memory-artifacts.ts';
import type { Database } from '../../database/connect.ts';
import type { DatabaseFixture } from '../../database/testing/database-fixture.ts';
import { keyLoader } from '../../identity/keys/load-keys.ts';
import { publishedKeys } from '../../identity/keys/published-keys.ts';
import { ISSUER, SECRET } from '../../identity/testing/auth-function.ts';
import { type SocketInput, socketEvents } from '../../realtime/socket-events.ts';
import { DISPATCH } from '../../tasks/verification/fixtures.ts';
import { createApi } from '../api.ts';
import { createApp } from '../app/app.ts';
import { registerAuthRoutes, registerSessionRoutes } from '../routes/auth/auth.ts';
import { Steps, steppedDatabase } from './stepped-database.ts';

export type RaceSide = Awaited<ReturnType<typeof raceSide>>;

/** Starts one sandbox of every function, with statements that can be held. Both sides of a race share the bucket. */
export async function raceSide(on: DatabaseFixture, bucket = memoryArtifacts()) {
  const steps = new Steps();
  const real = Object.fromEntries(
    ['api', 'auth', 'session', 'worker', 'dispatcher', 'socket'].map((name) => [name, on.as(name)]),
  ) as Record<'api' | 'auth' | 'session' | 'worker' | 'dispatcher' | 'socket', Database>;
  const pids = await Promise.all(
    Object.values(real).map(async (db) => Number((await db`select pg_backend_pid() as pid`)[0]?.pid)),
  );
  const of = (name: keyof typeof real) => steppedDatabase(real[name], steps);
  const faults: string[] = [];
  const logFault = (message: string, details: Record<string, unknown>) => {
    faults.push(`${message}: ${JSON.stringify(details)} ${details.error}`);
  };
  const findKey = publishedKeys(real.api);
  const keys = keyLoader(real.auth, async () => ({ current: SECRET }));
  await keys();
  const { artifacts, objects } = bucket;
  const api = createApi(
    {
      db: of('api'),
      artifacts,
      dispatch: DISPATCH,
      announce: () => {},
      membershipEnded: () => {},
      enqueue: async () => [],
      issuer: ISSUER,
      findKey,
    },
    logFault,
  );
  const auth = createApp(logFault);
  const limits = { loginsPerAddress: 100_000, registrationsPerAddress: 100_000 };
  registerAuthRoutes(auth, { db: of('auth'), issuer: ISSUER, keys, limits });
  registerSessionRoutes(auth, { db: of('session'), issuer: ISSUER, keys, findKey });
  const socket = socketEvents({
    db: of('socket'),
    post: async () => 'sent',
    close: async () => {},
    verifyToken: () => Promise.reject(new Error('Nobody connects with a token here')),
    tokenInUrlAllowed: false,
    greetLater: async () => {},
    logFault,
  });
  return {
    steps,
    pids,
    faults,
    keys,
    bucket,
    objects,
    worker: of('worker'),
    dispatcher: of('dispatcher'),
    api,
    /** Sends a request to the function to which API Gateway would send it. */
    async request(
      method: string,
      path: string,
      access: string,
      body?: unknown,
      headers = {},
    ): Promise<number> {
      const app = /^\/api\/(?:auth|token)\//.test(path) ? auth : api;
      const response = await app.request(path, {
        method,
        headers: { authorization: `Bearer ${access}`, 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      if (response.status >= 500) faults.push(await response.text());
      return response.status;
    },
    async socketEvent(connectionId: string, body: object): Promise<number> {
      const requestContext = { routeKey: '$default', connectionId };
      const event: SocketInput = { requestContext, body: JSON.stringify(body) };
      return (await socket(event)).statusCode;
    },
  };
}
