import * as z from 'zod';
import { JsonText } from '../../../exact-json/json-text.ts';
import { parseTarget } from '../../../fetch/target.ts';
import { jsonFault } from '../../../json-fault.ts';
import { defineKind } from '../../define-task.ts';
import { checkHeaders, HEADERS, type HeaderFields } from './check-headers.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

const MAX_BODY_BYTES = 256 * 1024;
const MAX_RESPONSE_BYTES = 1024 * 1024;

const status = z.int().min(100).max(599);

/** Payload of `http.request`: the request, and the answers to accept. Refused addresses are detected when the task runs. */
const payload = z
  .strictObject({
    url: z
      .string()
      .max(8_192)
      .superRefine(checkUrl)
      .meta({ format: 'uri', pattern: '^[Hh][Tt][Tt][Pp][Ss]?:[^\\x00-\\x20\\x7f-\\xa0]+$' })
      .describe('Absolute, http or https, without credentials.'),
    method: z.enum(METHODS).default('GET'),
    headers: z
      .unknown()
      .superRefine(checkHeaders)
      .meta(HEADERS)
      .transform((headers) => headers as HeaderFields)
      .optional()
      .describe('Name → value. Host, User-Agent, Accept-Encoding and headers of the connection are refused.'),
    body: z
      .unknown()
      .superRefine(checkBody)
      .meta({ $ref: '#/components/schemas/JsonValue' })
      .transform((body) => JsonText.of(body))
      .optional()
      .describe(
        'A string is sent unchanged. Any other JSON value is sent as application/json, exactly as it was written.',
      ),
    expected_status: z
      .union([
        z.array(status).min(1).max(100),
        z.strictObject({ from: status, to: status }).refine(({ from, to }) => from <= to, 'from is above to'),
      ])
      .default({ from: 200, to: 299 })
      .describe('The statuses that mean success: a list or an inclusive range.'),
    timeout_seconds: z
      .number()
      .min(0.1)
      .max(60)
      .default(30)
      .describe('Seconds for the whole request, redirects included.'),
    max_response_bytes: z
      .int()
      .min(0)
      .max(MAX_RESPONSE_BYTES)
      .default(65_536)
      .describe('Bytes of the response body to keep. A longer body is truncated.'),
    follow_redirects: z
      .boolean()
      .default(true)
      .describe(
        'Follows at most three redirects, each checked like the URL. After a 301 or 302, a POST is not repeated as a GET.',
      ),
  })
  .refine(({ method, body }) => body === undefined || (method !== 'GET' && method !== 'HEAD'), {
    path: ['body'],
    message: 'GET and HEAD have no body',
  })
  .meta({
    anyOf: [
      { properties: { method: { enum: ['POST', 'PUT', 'PATCH', 'DELETE'] } }, required: ['method'] },
      { properties: { body: false } },
    ],
  });

export type HttpRequestPayload = z.output<typeof payload>;

function checkUrl(url: string, issues: z.RefinementCtx): void {
  try {
    parseTarget(url);
  } catch (error) {
    issues.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'Not a URL' });
  }
}

function checkBody(body: unknown, issues: z.RefinementCtx): void {
  if (body === undefined) return;
  const value = body instanceof JsonText ? body.value : body;
  const fault =
    jsonFault(value)?.detail ?? sizeFault(typeof value === 'string' ? value : JsonText.of(body).text);
  if (fault !== undefined) issues.addIssue({ code: 'custom', message: fault });
}

function sizeFault(text: string): string | undefined {
  if (Buffer.byteLength(text) <= MAX_BODY_BYTES) return undefined;
  return `Must be at most ${MAX_BODY_BYTES / 1024} KiB`;
}

/** Sends one HTTP request to the internet and keeps the answer. */
export default defineKind({
  kind: 'http.request',
  label: 'HTTP request',
  description: 'Sends one HTTP request to the internet and keeps the answer.',
  example: { url: 'https://example.com/', method: 'GET' },
  form: { headers: { input: 'json' }, body: { input: 'lines' } },
  payload,
  limits: { soft: '75s', hard: '90s' },
  // It only waits for others, and the kept part of their answers is bounded.
  runs: 'inline',
  waits: 'network',
  verbatim: ['body'],
});
