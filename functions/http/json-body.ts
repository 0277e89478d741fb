import type { MiddlewareHandler } from 'hono';
import { Refusal, type RefusalKind } from '../refusal.ts';

/** Bounds of a JSON body, checked before any schema sees it. */
export const BODY_LIMITS = {
  /** Bytes of UTF-8. */
  bytes: 1_048_576,
  /** Levels of objects and arrays. */
  depth: 32,
  /** Members and elements in all. */
  nodes: 250_000,
} as const;

const WITH_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/i;
/** JSON is UTF-8 (RFC 8259, section 8.1), of which ASCII is a part. */
const CHARSET = /^charset\s*=\s*"?(?:utf-?8|us-ascii)"?$/i;

/**
 * Reads the body once, refuses what no schema should have to think about, and leaves the parsed value for the
 * validators: other media types, oversized and over-nested documents, keys that change prototypes, numbers that only
 * become infinite, and characters that Postgres cannot store (NUL, lone surrogates). No body is an empty object.
 */
export const jsonBody: MiddlewareHandler = async (c, next) => {
  if (WITH_BODY.has(c.req.method)) {
    if (Number(c.req.header('content-length') ?? 0) > BODY_LIMITS.bytes) throw tooLarge();
    const bytes = await c.req.arrayBuffer();
    if (bytes.byteLength > BODY_LIMITS.bytes) throw tooLarge();
    if (bytes.byteLength > 0 && !saysJson(c.req.header('content-type') ?? '')) throw otherMediaType();
    const body = bytes.byteLength > 0 ? checked(parse(decode(bytes))) : {};
    Object.assign(c.req, { json: async () => body });
    // The validators know fewer spellings of it than we accept, and an empty body is often labelled as a form.
    c.req.raw.headers.set('content-type', 'application/json');
  }
  await next();
};

function saysJson(contentType: string): boolean {
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  return JSON_TYPE.test(type) && parameters.every((each) => !/^charset\b/i.test(each) || CHARSET.test(each));
}

function decode(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unreadable('invalid', 'invalid_json', 'The body is not UTF-8 text');
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'not JSON';
    throw unreadable('invalid', 'invalid_json', `The body is not valid JSON: ${why.slice(0, 200)}`);
  }
}

/**
 * The given value, which {@link BODY_LIMITS} and storage allow.
 *
 * @throws Refusal `invalid_request`, naming the first place that is found
 */
function checked(root: unknown): unknown {
  // A worklist and no recursion: the depth is the caller's to choose.
  const todo: { value: unknown; pointer: string; depth: number }[] = [{ value: root, pointer: '', depth: 0 }];
  let nodes = 0;
  for (let item = todo.pop(); item; item = todo.pop()) {
    const { value, pointer, depth } = item;
    if (++nodes > BODY_LIMITS.nodes) throw bad('', `must have at most ${BODY_LIMITS.nodes} values`);
    if (typeof value === 'string') checkText(value, pointer);
    // JSON has no infinity: it stands for a number such as 1e400, and would be stored as null.
    if (value === Infinity || value === -Infinity) throw bad(pointer, 'must be a number below 1.8e308');
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= BODY_LIMITS.depth) {
      throw bad(pointer, `must be nested at most ${BODY_LIMITS.depth} levels deep`);
    }
    for (const key of Object.keys(value)) {
      const at = `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (key === '__proto__') throw bad(at, 'must not be named __proto__');
      checkText(key, at);
      todo.push({ value: (value as Record<string, unknown>)[key], pointer: at, depth: depth + 1 });
    }
  }
  return root;
}

function checkText(text: string, pointer: string): void {
  if (text.includes('\u0000')) throw bad(pointer, 'must not contain the NUL character');
  if (!text.isWellFormed()) throw bad(pointer, 'must be well-formed Unicode (it has a lone surrogate)');
}

function bad(pointer: string, detail: string): Refusal {
  const field = pointer.slice(1).replaceAll('/', '.') || 'The body';
  return new Refusal('invalid', 'invalid_request', `${field}: ${detail}`, {}, [
    { in: 'body', pointer, detail },
  ]);
}

function otherMediaType(): Refusal {
  const detail = 'Content-Type must be application/json, in UTF-8';
  return new Refusal('unsupported_media_type', 'json_expected', detail, {}, [
    { in: 'header', pointer: '/content-type', detail },
  ]);
}

function tooLarge(): Refusal {
  const detail = `The body must not exceed ${BODY_LIMITS.bytes} bytes`;
  return unreadable('too_large', 'body_too_large', detail, { limit_bytes: BODY_LIMITS.bytes });
}

/** A refusal of the body as a whole. */
function unreadable(
  kind: RefusalKind,
  code: string,
  detail: string,
  data: Record<string, unknown> = {},
): Refusal {
  return new Refusal(kind, code, detail, data, [{ in: 'body', pointer: '', detail }]);
}
