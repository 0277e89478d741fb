import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * Starts a server that answers `/wait/<milliseconds>/` after that time and `/fail/` with 503, and counts by idempotency
 * key.
 */
export async function slowTarget() {
  const hits = new Map<string, number>();
  const server = createServer((incoming, answer) => {
    const [, what, milliseconds] = (incoming.url ?? '').split('/');
    const key = String(incoming.headers['idempotency-key']);
    hits.set(key, (hits.get(key) ?? 0) + 1);
    if (what === 'fail') answer.writeHead(503).end('not now');
    else setTimeout(() => answer.end('done'), Number(milliseconds));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hits,
    close: () => server.close(),
  };
}
