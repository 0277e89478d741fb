import { startLoopbackServer } from '../../process/loopback-server.ts';

/** A request that reached the target. */
export interface Hit {
  readonly number: number;
  /** Idempotency key of the request: the task's id. */
  readonly idempotencyKey: string;
  /** Time of the arrival, in milliseconds since the epoch. */
  readonly at: number;
  readonly status: number;
  /** Milliseconds until the answer. */
  readonly waitMs: number;
  /** Ports of the client and of the target. */
  readonly ports: readonly [number, number];
}

export interface Target {
  /** The target's address, without a trailing slash. */
  readonly url: string;
  /** Requests by idempotency key, in the order of arrival. */
  readonly hits: ReadonlyMap<string, readonly Hit[]>;
  /** Called with every request on its arrival. */
  onHit: (hit: Hit) => void;
  stop(): Promise<void>;
}

/**
 * Starts the server that receives the tasks' requests. It records every request and returns the request's number in the
 * answer, so that a result shows its request.
 */
export async function startTarget(): Promise<Target> {
  const hits = new Map<string, Hit[]>();
  let number = 0;
  const { url, stop } = await startLoopbackServer((incoming, answer) => {
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
  const target: Target = { url, hits, onHit: () => {}, stop };
  return target;
}

function statusOf(behaviour: string, argument: number, earlier: number): number {
  if (behaviour === 'flaky') return earlier < argument ? 500 : 200;
  if (behaviour === 'missing') return earlier === 0 ? 404 : 200;
  return 200;
}
