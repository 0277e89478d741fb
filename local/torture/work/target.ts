import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that reached the target. */
export interface Hit {
  readonly number: number;
  /** What it was sent with: the task's id. */
  readonly idempotencyKey: string;
  /** Milliseconds since the epoch, of the arrival. */
  readonly at: number;
  readonly status: number;
  /** Until the answer. */
  readonly waitMs: number;
  /** Of the client and of the target. */
  readonly ports: readonly [number, number];
}

export interface Target {
  /** Without a trailing slash. */
  readonly url: string;
  /** By idempotency key, in the order of arrival. */
  readonly hits: ReadonlyMap<string, readonly Hit[]>;
  /** Is told of every request as it arrives. */
  onHit: (hit: Hit) => void;
  stop(): void;
}

/**
 * What the tasks do their work at. It writes down every request, and says its number in the answer, so that a result
 * tells which request it came from.
 */
export async function startTarget(): Promise<Target> {
  const hits = new Map<string, Hit[]>();
  let number = 0;
  const server = createServer((incoming, answer) => {
    const [, behaviour = '', argument = ''] = (incoming.url ?? '').split('/');
    const idempotencyKey = String(incoming.headers['idempotency-key']);
    const earlier = hits.get(idempotencyKey) ?? [];
    const status = statusOf(behaviour, Number(argument), earlier.length);
    number += 1;
    const { remotePort = 0, localPort = 0 } = incoming.socket;
    const waitMs = behaviour === 'wait' ? Number(argument) : 0;
    const hit = {
      number,
      idempotencyKey,
      at: Date.now(),
      status,
      waitMs,
      ports: [remotePort, localPort],
    } as const;
    hits.set(idempotencyKey, [...earlier, hit]);
    target.onHit(hit);
    answer.setHeader('content-type', 'application/json');
    answer.statusCode = status;
    const end = () => answer.end(JSON.stringify({ hit: hit.number }));
    if (waitMs > 0) setTimeout(end, waitMs);
    else end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const target: Target = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hits,
    onHit: () => {},
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return target;
}

function statusOf(behaviour: string, argument: number, earlier: number): number {
  if (behaviour === 'flaky') return earlier < argument ? 500 : 200;
  if (behaviour === 'missing') return earlier === 0 ? 404 : 200;
  return 200;
}
