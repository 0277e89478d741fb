import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CorsRule } from '../../template/deployment.ts';

/**
 * Applies S3's CORS rules: adds the headers of the first matching rule, and answers a preflight.
 *
 * @returns true when the request was a preflight, which is then answered
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
 */
export function bucketCors(
  rules: readonly CorsRule[],
  { method, headers }: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { origin } = headers;
  if (origin === undefined) return false;
  const isPreflight = method === 'OPTIONS';
  const wanted = isPreflight ? headers['access-control-request-method'] : method;
  const wantedHeaders = (headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter(Boolean);
  const rule = rules.find(
    ({ AllowedMethods, AllowedOrigins, AllowedHeaders = [] }) =>
      AllowedMethods.includes(wanted ?? '') &&
      AllowedOrigins.some((pattern) => fits(origin, pattern)) &&
      wantedHeaders.every((name) => AllowedHeaders.some((pattern) => fits(name, pattern.toLowerCase()))),
  );
  if (rule) {
    response.setHeader('access-control-allow-origin', rule.AllowedOrigins.includes('*') ? '*' : origin);
    response.setHeader('access-control-allow-methods', rule.AllowedMethods.join(', '));
    response.setHeader('vary', 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method');
    if (wantedHeaders.length > 0)
      response.setHeader('access-control-allow-headers', wantedHeaders.join(', '));
    if (rule.ExposedHeaders)
      response.setHeader('access-control-expose-headers', rule.ExposedHeaders.join(', '));
    if (rule.MaxAge) response.setHeader('access-control-max-age', rule.MaxAge);
  }
  if (isPreflight) response.writeHead(rule ? 200 : 403).end();
  return isPreflight;
}

function fits(text: string, pattern: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return text === pattern;
  return text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after);
}
