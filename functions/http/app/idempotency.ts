import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Database } from '../../database/connect.ts';
import { once } from '../../idempotency/once.ts';
import { invalidFields, type Refusal } from '../../refusal.ts';
import type { App, AppEnv } from './app.ts';
import { secretRoutes } from './secret.ts';

/** A valid key. */
export const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

/**
 * Honours `Idempotency-Key` on every POST: a repeated request gets the same answer again, with `Idempotent-Replayed:
 * true`. Answers with a secret are not stored: such a request is carried out again and answers with a new secret.
 *
 * Refusals: `invalid_request` for a malformed key, `idempotency_key_reused`, `idempotency_key_in_use`.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function idempotency(deps: { db: Database }, app: App): MiddlewareHandler<AppEnv> {
  let withSecrets: ReadonlySet<string> | undefined;
  return async (c, next) => {
    const key = keyOf(c);
    if (c.req.method !== 'POST' || key === undefined) return next();
    if (!KEY_PATTERN.test(key)) throw badKey();
    const { pathname, search } = new URL(c.req.url);
    const fingerprint = ['POST', pathname.replace(/\/+$/, ''), search, withoutBlanks(c.var.source.text)];
    const answer = await once(deps, c.var.principal, {
      key,
      fingerprint,
      run: async (seed) => {
        c.set('seed', seed);
        await next();
        const { status, headers } = c.res;
        withSecrets ??= secretRoutes(app);
        const hasSecret = withSecrets.has(routePath(c, -1));
        return { status, body: await c.res.clone().text(), location: headers.get('location'), hasSecret };
      },
    });
    if (!answer.replayed) return;
    c.header('Idempotent-Replayed', 'true');
    c.header('Content-Type', 'application/json');
    if (answer.location) c.header('Location', answer.location);
    return c.body(answer.body, answer.status as 200);
  };
}

/** Removes blanks between tokens: a repeated request may differ in blanks, but not in digits. @param json valid JSON */
function withoutBlanks(json: string): string {
  return json.replace(/"(?:[^"\\]|\\.)*"|[\t\n\r ]+/g, (part) => (part.startsWith('"') ? part : ''));
}

/** Returns the key as it was sent: Lambda's adapter drops an empty key, and encodes a key that is not ASCII. */
function keyOf(c: Context<AppEnv>): string | undefined {
  const sent = c.env?.event?.headers?.['idempotency-key'];
  return typeof sent === 'string' ? sent : c.req.header('idempotency-key');
}

const RULE = '1 to 255 printable characters of ASCII, without spaces';

export const KEY_DESCRIPTION = `${RULE}. If the request is repeated within a day, it gets the same answer, with \`Idempotent-Replayed: true\`. Answers with a secret (a ticket, an upload address) are not stored: the repeated request gets a new one`;

function badKey(): Refusal {
  return invalidFields([{ in: 'header', pointer: '/idempotency-key', detail: `Must be ${RULE}` }]);
}
