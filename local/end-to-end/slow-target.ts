import { startLoopbackServer } from '../process/loopback-server.ts';

/**
 * Starts a server that answers `/wait/<milliseconds>/` after that time and `/fail/` with 503, and counts by idempotency
 * key.
 */
export async function slowTarget() {
  const hits = new Map<string, number>();
  const { url, stop } = await startLoopbackServer((incoming, answer) => {
    const [, what, milliseconds] = (incoming.url ?? '').split('/');
    const key = String(incoming.headers['idempotency-key']);
    hits.set(key, (hits.get(key) ?? 0) + 1);
    if (what === 'fail') answer.writeHead(503).end('not now');
    else setTimeout(() => answer.end('done'), Number(milliseconds));
  });
  return { url, hits, close: stop };
}
