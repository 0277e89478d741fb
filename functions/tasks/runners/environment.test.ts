import { expect, test } from 'vitest';
import { environmentOfHandlers } from './environment.ts';

test('a handler’s process has neither the worker’s database nor the rights to log in to it', () => {
  const secrets = {
    DATABASE_URL: 'postgres://worker@cluster/celeriac',
    AWS_LAMBDA_RUNTIME_API: '127.0.0.1:9001',
    AWS_ACCESS_KEY_ID: 'ASIA',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
  };
  expect(environmentOfHandlers({ ...secrets, PATH: '/bin', OUTBOUND_LOOPBACK: 'refused' })).toEqual({
    PATH: '/bin',
    OUTBOUND_LOOPBACK: 'refused',
  });
});
