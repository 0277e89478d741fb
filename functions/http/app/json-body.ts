import type { MiddlewareHandler } from 'hono';
import { readExactly } from '../../exact-json/exact-fault.ts';
import type { JsonText } from '../../exact-json/json-text.ts';
import { JSON_LIMITS, jsonFault } from '../../json-fault.ts';
import { type FieldError, invalidFields, Refusal, type RefusalCode } from '../../refusal.ts';

/** Bounds of a JSON body, checked before any schema. */
export const BODY_LIMITS = {
  /** Bytes of UTF-8. */
  bytes: 1_048_576,
  ...JSON_LIMITS,
} as const;

/**
 * Bounds of requests with whole batches: a hundred values for each of ten thousand tasks.
 *
 * The body reaches the function as a JSON string, and Lambda accepts an event of 6 MiB. Escaping at most doubles valid
 * JSON: quotes, backslashes, tabs and line breaks become two bytes each. Twice this limit leaves 290 KB for headers,
 * which API Gateway limits to 10 KB. A body of another media type arrives as Base64, which is a third longer.
 */
export const BULK_LIMITS = { bytes: 3_000_000, depth: BODY_LIMITS.depth, nodes: 1_000_000 } as const;

type Limits = { readonly [name in keyof typeof BODY_LIMITS]: number };

const limitsOf = (path: string): Limits => (/^\/api\/tasks\/bulk\/*$/.test(path) ? BULK_LIMITS : BODY_LIMITS);

/** Forms that mail programs and pages send, where no JSON is possible: their paths, and their largest size in bytes. */
const FORMS = { paths: /^\/api\/unsubscribe\/[^/]+\/*$/, bytes: 4_096 };

const FORM_TYPE = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\s*(?:;|$)/i;

const WITH_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const WITHOUT_BODY = new Set(['GET', 'HEAD']);

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/i;
/** JSON is UTF-8 (RFC 8259, section 8.1), and ASCII is a subset of UTF-8. */
const CHARSET = /^charset\s*=\s*"?(?:utf-?8|us-ascii)"?$/i;

/** A body as it was sent. */
export type BodySource = {
  text: string;
  /** The payload of every task as it was written, by its JSON pointer. */
  payloads: ReadonlyMap<string, JsonText>;
};

/**
 * Reads the body once and refuses a body that no schema should have to check: another media type, an oversized document,
 * or JSON that is unfit. Leaves the parsed value for the validators. An empty body counts as an empty object.
 */
export const jsonBody: MiddlewareHandler<{ Variables: { source: BodySource } }> = async (c, next) => {
  if (c.req.method === 'POST' && FORMS.paths.test(c.req.path)) {
    // The route's own schema reads the form.
    if ((await c.req.arrayBuffer()).byteLength > FORMS.bytes) throw tooLarge(FORMS);
    demandPlain(c.req.header('content-encoding'));
    if (!FORM_TYPE.test(c.req.header('content-type') ?? '')) throw notAForm();
  } else if (WITH_BODY.has(c.req.method)) {
    const limits = limitsOf(c.req.path);
    if (Number(c.req.header('content-length') ?? 0) > limits.bytes) throw tooLarge(limits);
    const bytes = await c.req.arrayBuffer();
    if (bytes.byteLength > limits.bytes) throw tooLarge(limits);
    if (bytes.byteLength > 0) demandPlain(c.req.header('content-encoding'));
    if (bytes.byteLength > 0 && !saysJson(c.req.header('content-type') ?? '')) throw otherMediaType();
    const text = bytes.byteLength > 0 ? decode(bytes, sentLength(c.env)) : '{}';
    const body = checked(text, limits);
    c.set('source', { text, payloads: body.payloads });
    Object.assign(c.req, { json: async () => body.value });
    // The validators accept fewer spellings of the content type than this function, and clients often label an empty body
    // as a form.
    c.req.raw.headers.set('content-type', 'application/json');
  } else if (WITHOUT_BODY.has(c.req.method) && Number(c.req.header('content-length') ?? 0) > 0) {
    throw unreadable('invalid_request', `${c.req.method} has no body`);
  }
  await next();
};

function saysJson(contentType: string): boolean {
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  return JSON_TYPE.test(type) && parameters.every((each) => !/^charset\b/i.test(each) || CHARSET.test(each));
}

/** Returns the length that the client sent. The application's own request has the length of the decoded body instead. */
function sentLength(env: unknown): string | undefined {
  // Without Lambda, there is no event.
  const { event } = (env ?? {}) as { event?: { headers?: Record<string, string | undefined> } };
  return event?.headers?.['content-length'];
}

/**
 * Decodes the body. API Gateway has decoded it before, and has replaced bytes that are not UTF-8 by U+FFFD. U+FFFD takes
 * three bytes, so the length then differs from the length that the client sent. The lengths are equal when the client
 * itself sent U+FFFD.
 */
function decode(bytes: ArrayBuffer, contentLength: string | undefined): string {
  const notText = unreadable('invalid_json', 'The body is not UTF-8 text');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notText;
  }
  const isAsSent = contentLength === undefined || Number(contentLength) === bytes.byteLength;
  if (!isAsSent && text.includes('\ufffd')) throw notText;
  return text;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'not JSON';
    throw unreadable('invalid_json', `The body is not valid JSON: ${why.slice(0, 200)}`);
  }
}

/**
 * Returns the value of a body that is within the limits, can be stored, and that every program reads in the same way.
 *
 * @throws Refusal `invalid_request`, naming the first fault
 */
function checked(text: string, limits: Limits): { value: unknown; payloads: BodySource['payloads'] } {
  const value = parse(text);
  const unfit = jsonFault(value, limits);
  if (unfit) throw invalidFields([{ in: 'body', ...unfit }]);
  const { fault, payloads } = readExactly(text);
  if (fault) throw invalidFields([{ in: 'body', ...fault }]);
  return { value, payloads };
}

/** Refuses a compressed body. @throws Refusal `encoding_not_supported`: a compressed body could expand to any size */
function demandPlain(encoding = ''): void {
  if (/^(?:identity)?$/i.test(encoding.trim())) return;
  const detail = 'Content-Encoding is not supported; send the body as it is';
  throw new Refusal('unsupported_media_type', 'encoding_not_supported', detail, {}, [
    { in: 'header', pointer: '/content-encoding', detail },
  ]);
}

function otherMediaType(): Refusal {
  const detail = 'Content-Type must be application/json, in UTF-8';
  return new Refusal('unsupported_media_type', 'json_expected', detail, {}, [
    { in: 'header', pointer: '/content-type', detail },
  ]);
}

function notAForm(): Refusal {
  const detail = 'Content-Type must be application/x-www-form-urlencoded or multipart/form-data';
  return new Refusal('unsupported_media_type', 'form_expected', detail, {}, [
    { in: 'header', pointer: '/content-type', detail },
  ]);
}

function tooLarge({ bytes }: Pick<Limits, 'bytes'>): Refusal {
  const detail = `The body must not exceed ${bytes} bytes`;
  return new Refusal('too_large', 'body_too_large', detail, { limit_bytes: bytes }, wholeBody(detail));
}

function unreadable(code: RefusalCode<'invalid'>, detail: string): Refusal {
  return new Refusal('invalid', code, detail, {}, wholeBody(detail));
}

const wholeBody = (detail: string): FieldError[] => [{ in: 'body', pointer: '', detail }];
