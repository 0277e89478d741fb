import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import { REGION } from '../../template/physical.ts';
import type { S3Error } from './errors.ts';

/** Returns S3's reason to refuse a presigned request, or undefined when the request is valid. */
export async function signatureFault(
  { method = '', headers }: IncomingMessage,
  url: URL,
  secretAccessKey: string,
): Promise<S3Error | undefined> {
  const { 'X-Amz-Signature': signature, ...query } = Object.fromEntries(url.searchParams);
  const time = query['X-Amz-Date']?.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
  const signedAt = new Date(time ?? Number.NaN);
  if (!signature || Number.isNaN(signedAt.getTime())) return denied('Access Denied');
  const expiresIn = Number(query['X-Amz-Expires']);
  if (signedAt.getTime() + expiresIn * 1000 < Date.now()) return denied('Request has expired');
  const names = (query['X-Amz-SignedHeaders'] ?? '').split(';');
  const own = Object.entries(query).filter(([name]) => !name.startsWith('X-Amz-'));
  const signer = new SignatureV4({
    service: 's3',
    region: REGION,
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
    credentials: {
      accessKeyId: query['X-Amz-Credential']?.split('/')[0] ?? '',
      secretAccessKey,
      ...(query['X-Amz-Security-Token'] && { sessionToken: query['X-Amz-Security-Token'] }),
    },
  });
  const expected = await signer.presign(
    {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      query: Object.fromEntries(own),
      headers: {
        ...Object.fromEntries(names.map((name) => [name, String(headers[name] ?? '')])),
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      },
    },
    {
      expiresIn,
      signingDate: signedAt,
      unhoistableHeaders: new Set([...names, ...HASH]),
      unsignableHeaders: HASH,
    },
  );
  if (expected.query?.['X-Amz-Signature'] === signature) return undefined;
  return {
    status: 403,
    code: 'SignatureDoesNotMatch',
    message: 'The request signature we calculated does not match the signature you provided.',
  };
}

const denied = (message: string): S3Error => ({ status: 403, code: 'AccessDenied', message });

/** This header only marks the body as unsigned; it is not part of the signed headers. */
const HASH = new Set(['x-amz-content-sha256']);

/** Node's SHA-256 with the interface that the signer needs. */
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
