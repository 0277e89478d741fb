import type { MiddlewareHandler } from 'hono';
import { Refusal } from '../refusal.ts';

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

/**
 * Reads the body once, refuses what no schema should have to think about, and leaves the parsed value for the
 * validators: other media types, oversized and over-nested documents, keys that change prototypes, and characters that
 * Postgres cannot store (NUL, lone surrogates).
 */
export const jsonBody: MiddlewareHandler = async (c, next) => {
  if (WITH_BODY.has(c.req.method)) {
    if (Number(c.req.header('content-length') ?? 0) > BODY_LIMITS.bytes) throw tooLarge();
    const text = await c.req.text();
    if (text !== '') {
      if (Buffer.byteLength(text) > BODY_LIMITS.bytes) throw tooLarge();
      if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(c.req.header('content-type') ?? '')) {
        throw new Refusal('unsupported_media_type', 'json_expected', 'Content-Type must be application/json');
      }
      c.req.bodyCache.json = Promise.resolve(checked(parse(text)));
    }
  }
  await next();
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'not JSON';
    throw new Refusal('invalid', 'invalid_json', `The body is not valid JSON: ${why.slice(0, 200)}`);
  }
}

function checked(root: unknown): unknown {
  // A worklist and no recursion: the depth is the caller's to choose.
  const todo: { value: unknown; pointer: string; depth: number }[] = [{ value: root, pointer: '', depth: 0 }];
  let nodes = 0;
  for (let item = todo.pop(); item; item = todo.pop()) {
    const { value, pointer, depth } = item;
    if (++nodes > BODY_LIMITS.nodes) throw bad('', `must have at most ${BODY_LIMITS.nodes} values`);
    if (typeof value === 'string') checkText(value, pointer);
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= BODY_LIMITS.depth)
      throw bad(shortened(pointer), `must be nested at most ${BODY_LIMITS.depth} levels deep`);
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
  if (text.includes('\u0000')) throw bad(shortened(pointer), 'must not contain the NUL character');
  if (!text.isWellFormed())
    throw bad(shortened(pointer), 'must be well-formed Unicode (it has a lone surrogate)');
}

function shortened(pointer: string): string {
  return pointer.length > 200 ? `${pointer.slice(0, 200)}…` : pointer;
}

function bad(pointer: string, detail: string): Refusal {
  const field = pointer.slice(1).replaceAll('/', '.') || 'The body';
  return new Refusal('invalid', 'invalid_request', `${field}: ${detail}`, {}, [
    { in: 'body', pointer, detail },
  ]);
}

function tooLarge(): Refusal {
  return new Refusal('too_large', 'body_too_large', `The body must not exceed ${BODY_LIMITS.bytes} bytes`, {
    limit_bytes: BODY_LIMITS.bytes,
  });
}
