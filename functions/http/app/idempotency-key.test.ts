import { expect, test } from 'vitest';
import { onLambda } from '../on-lambda.ts';
import { createApp } from './app.ts';
import { idempotency } from './idempotency.ts';

/*
 * A key is checked as the client sent it. Lambda's adapter drops an empty header and encodes a header that is not ASCII.
 * A client would then wrongly believe that its request is carried out only once.
 */

const app = createApp(() => {});
app.use(idempotency({} as never, app));
app.post('/api/things', (c) => c.json({}));

for (const key of ['', 'é', '🥬', 'a b', 'x'.repeat(256)]) {
  test(`the key ${JSON.stringify(key).slice(0, 20)} is refused`, async () => {
    const event = {
      version: '2.0',
      rawPath: '/api/things',
      rawQueryString: '',
      headers: { host: 'api.example.com', 'idempotency-key': key },
      isBase64Encoded: false,
      requestContext: { http: { method: 'POST', path: '/api/things' }, domainName: 'api.example.com' },
    };
    const answer = await onLambda(app)(event as never, {} as never);
    expect(answer).toMatchObject({ statusCode: 400 });
    expect(JSON.parse(String((answer as { body: string }).body)).errors[0].pointer).toBe('/idempotency-key');
  });
}
