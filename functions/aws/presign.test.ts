import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { expect, test } from 'vitest';
import { presign } from './presign.ts';

const EXAMPLE = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const NOW = new Date('2013-05-24T00:00:00Z');

test('the example of the documentation gets the signature of the documentation', () => {
  const address = presign(
    {
      method: 'GET',
      endpoint: 'https://examplebucket.s3.amazonaws.com',
      path: '/test.txt',
      expiresSeconds: 86_400,
    },
    { credentials: EXAMPLE, region: 'us-east-1', now: NOW },
  );
  expect(new URL(address).searchParams.get('X-Amz-Signature')).toBe(
    'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});

test('with a session token, headers, parameters and an unusual key, the signature equals that of AWS’s library', async () => {
  const address = new URL(
    presign(
      {
        method: 'PUT',
        endpoint: 'http://127.0.0.1:4566',
        path: "/bucket/uploads/a (file)+ü*'.csv",
        query: { 'response-content-disposition': 'attachment; filename="x y.csv"' },
        headers: { 'content-length': '7' },
        expiresSeconds: 60,
      },
      { credentials: { ...EXAMPLE, sessionToken: 'a/b+c==' }, region: 'eu-central-1', now: NOW },
    ),
  );
  const signer = new SignatureV4({
    service: 's3',
    region: 'eu-central-1',
    credentials: { ...EXAMPLE, sessionToken: 'a/b+c==' },
    uriEscapePath: false,
    applyChecksum: false,
    sha256: Sha256,
  });
  const hash = new Set(['x-amz-content-sha256']);
  const { query } = await signer.presign(
    {
      method: 'PUT',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: address.pathname,
      query: { 'response-content-disposition': 'attachment; filename="x y.csv"' },
      headers: {
        host: '127.0.0.1:4566',
        'content-length': '7',
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      },
    },
    { expiresIn: 60, signingDate: NOW, unhoistableHeaders: hash, unsignableHeaders: hash },
  );
  expect(Object.fromEntries(address.searchParams)).toEqual(query);
});

class Sha256 {
  private readonly hash;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string);
  }

  update(data: Uint8Array): void {
    this.hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.hash.digest();
  }

  reset(): void {}
}
