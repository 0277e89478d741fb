import { expect, test } from 'vitest';
import { outboundEnv } from '../../../handlers/wiring/outbound.ts';
import { environmentOfHandlers } from './environment.ts';

test('a handler’s process gets what it needs of the worker’s environment, and nothing that is added to it', () => {
  const secrets = {
    DATABASE_URL: 'postgres://worker@cluster/celeriac',
    AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
    AWS_ACCESS_KEY_ID: 'ASIA',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1/secret',
    SOME_NEW_SECRET: 'secret',
  };
  expect(environmentOfHandlers({ ...secrets, PATH: '/bin', OUTBOUND_LOOPBACK: 'refused' })).toEqual({
    PATH: '/bin',
    OUTBOUND_LOOPBACK: 'refused',
  });
});

test('the environment contains what the program of these processes reads', () => {
  const read = Object.fromEntries(Object.keys(outboundEnv).map((name) => [name, 'given']));
  expect(environmentOfHandlers(read)).toEqual(read);
});
