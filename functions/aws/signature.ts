import { createHmac, hash } from 'node:crypto';

/** Who signs. Lambda puts them into the environment, and replaces the sandbox before they expire. */
export type Access = {
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
};

export type SignedRequest = { url: URL; headers: Readonly<Record<string, string>>; body: string };

/** Keys are the same for a day, a region and a service. */
const keys = new Map<string, Buffer>();

/**
 * The headers of a POST with those of AWS's Signature Version 4. All that are given are signed.
 *
 * @param headers in lower case, with values that need no trimming
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function signed(
  { url, headers, body }: SignedRequest,
  service: string,
  { region, accessKeyId, secretAccessKey, sessionToken }: Access,
  now = new Date(),
): Record<string, string> {
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, '');
  const date = time.slice(0, 8);
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-date': time,
    ...(sessionToken && { 'x-amz-security-token': sessionToken }),
  };
  const names = Object.keys(all).sort();
  const canonical = [
    'POST',
    url.pathname,
    '',
    ...names.map((name) => `${name}:${all[name]}`),
    '',
    names.join(';'),
    hash('sha256', body),
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, hash('sha256', canonical)].join('\n');
  const signature = createHmac('sha256', keyOf(secretAccessKey, scope)).update(text).digest('hex');
  return {
    ...all,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

function keyOf(secret: string, scope: string): Buffer {
  const id = `${secret}/${scope}`;
  let key = keys.get(id);
  if (!key) {
    const chain = (from: Buffer, part: string) => createHmac('sha256', from).update(part).digest();
    key = scope.split('/').reduce(chain, Buffer.from(`AWS4${secret}`));
    // Yesterday's is of no use.
    keys.clear();
    keys.set(id, key);
  }
  return key;
}
