import { createHash, createHmac } from 'node:crypto';

export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };

export type SignedRequest = {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Endpoint of the service, without a trailing slash. */
  endpoint: string;
  /** Path, not yet percent-encoded, from the first slash. */
  path: string;
  /** Further query parameters. */
  query?: Readonly<Record<string, string>>;
  /** Headers by lower-case name. The sender must send exactly these values. */
  headers?: Readonly<Record<string, string>>;
  expiresSeconds: number;
};

const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * Returns a presigned S3 URL: the URL itself carries the permission (Signature Version 4). The body is not signed.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presign(
  { method, endpoint, path, query = {}, headers = {}, expiresSeconds }: SignedRequest,
  {
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    region,
    now = new Date(),
  }: { credentials: Credentials; region: string; now?: Date },
): string {
  const { origin, host } = new URL(endpoint);
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const scope = `${day}/${region}/s3/aws4_request`;
  const signedHeaders = Object.entries({ ...headers, host }).sort(byName);
  const names = signedHeaders.map(([name]) => name).join(';');
  const parameters = Object.entries({
    ...query,
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': `${accessKeyId}/${scope}`,
    'X-Amz-Date': time,
    'X-Amz-Expires': String(expiresSeconds),
    'X-Amz-SignedHeaders': names,
    ...(sessionToken && { 'X-Amz-Security-Token': sessionToken }),
  })
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .sort(byName)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
  const encodedPath = path.split('/').map(encode).join('/');
  const lines = signedHeaders.map(([name, value]) => `${name}:${value}\n`).join('');
  const request = `${method}\n${encodedPath}\n${parameters}\n${lines}\n${names}\nUNSIGNED-PAYLOAD`;
  const digest = createHash('sha256').update(request).digest('hex');
  const key = [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(hmac, `AWS4${secretAccessKey}`);
  const signature = hmac(key, `${ALGORITHM}\n${time}\n${scope}\n${digest}`).toString('hex');
  return `${origin}${encodedPath}?${parameters}&X-Amz-Signature=${signature}`;
}

const hmac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest();

/** Compares by bytes: the signed text is ASCII. */
const byName = ([a]: [string, string], [b]: [string, string]) => (a < b ? -1 : 1);

/** Percent-encodes as RFC 3986 requires, which is stricter than `encodeURIComponent`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
