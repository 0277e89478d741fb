import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { guardedFetch } from './guarded-fetch.ts';

// A self-signed certificate, valid for localhost and 127.0.0.1 until 2126. Its key protects nothing. Made by:
// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost
//   -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1'
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghgLEVf9KMCF93PlR
Pfg2mQEWayJnQsIzgWdnXJ/QaK2hRANCAAQdJiRX6ktEWns75c7UqKUljpquItv+
2L9yiT1vxmbyThF7huIuhEqtO4p5uUHSy7vwCHTc4zm8NVk7sZG2jLCU
-----END PRIVATE KEY-----
`;
const cert = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUNGVom771Ue3CARa+ovDpawMqC98wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA3MDMzNFoYDzIxMjYxMDI4
MDcwMzM0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQdJiRX6ktEWns75c7UqKUljpquItv+2L9yiT1vxmbyThF7huIuhEqt
O4p5uUHSy7vwCHTc4zm8NVk7sZG2jLCUo28wbTAdBgNVHQ4EFgQUSbF/50eq2r4I
zwSasQWEnZ0krS0wHwYDVR0jBBgwFoAUSbF/50eq2r4IzwSasQWEnZ0krS0wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAMa2lVWMy6kuU/ktsM8Ld+M4Rngej1nYz31wbFJ17P1yAiEA
3SnveU09oJO0lLOb5EepQU2JhUfTGepYETvR3xKtEcs=
-----END CERTIFICATE-----
`;

let asked = 0;
const server = createServer({ key, cert }, (_, response) => {
  asked += 1;
  response.end();
});
let port: number;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
});

test('a server with an untrusted certificate gets no request, whatever the environment says', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  const fetch = guardedFetch({ loopback: 'allowed', lookUp: async () => ['127.0.0.1'] });
  for (const host of ['localhost', '127.0.0.1', 'other.example']) {
    await expect(fetch({ url: `https://${host}:${port}/` })).rejects.toMatchObject({ code: 'tls' });
  }
  expect(asked).toBe(0);
});
