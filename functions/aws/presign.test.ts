import { expect, test } from 'vitest';
import { presign } from './presign.ts';

const EXAMPLE = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

test('the example of the documentation gets the signature of the documentation', () => {
  const address = presign(
    {
      method: 'GET',
      endpoint: 'https://examplebucket.s3.amazonaws.com',
      path: '/test.txt',
      expiresSeconds: 86_400,
    },
    EXAMPLE,
    'us-east-1',
    new Date('2013-05-24T00:00:00Z'),
  );
  expect(new URL(address).searchParams.get('X-Amz-Signature')).toBe(
    'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});
