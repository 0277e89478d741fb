import { randomUUID } from 'node:crypto';
import type {
  AskConnection,
  ConnectionAnswer,
  ConnectionRequest,
} from '../../emulators/api-gateway/websocket-management.ts';
import type { Redis } from './redis-client.ts';

/** Seconds that a process has to answer. It only looks up a socket and writes to it. */
const ANSWER_SECONDS = 3;

/** Milliseconds between checks that the other process is still subscribed. */
const LOOK_MS = 200;

/** A request or its answer, as sent through Redis. */
interface Letter {
  readonly id: string;
  /** Set on a request: the address that waits for the answer. */
  readonly replyTo?: string;
  readonly request?: Omit<ConnectionRequest, 'body'> & { readonly body: string };
  readonly answer?: ConnectionAnswer;
}

/** Carries requests between processes by Redis pub/sub. */
export interface Mailbox {
  /**
   * Asks the process at `address`.
   *
   * @returns undefined when no process listens there, or when the process ends before it answers. Redis knows this,
   *   because a killed process is no longer a subscriber.
   * @throws when Redis cannot be reached, or the process does not answer in time
   */
  ask(address: string, request: ConnectionRequest): Promise<ConnectionAnswer | undefined>;
  close(): Promise<void>;
}

/**
 * Opens the mailbox of this process.
 *
 * @param options.address unique among all processes
 * @param options.answer  answers the requests of other processes
 * @param options.interrupted called when the mailbox is open again after Redis was away. Other processes may have found
 *   no listener meanwhile.
 */
export async function openMailbox(options: {
  redis: Redis;
  address: string;
  answer: AskConnection;
  interrupted?: () => void;
}): Promise<Mailbox> {
  const { redis, address, answer, interrupted = () => {} } = options;
  const waiting = new Map<string, (answer: ConnectionAnswer) => void>();
  const channel = (name: string) => `celeriac:mailbox:${name}`;
  const send = (to: string, letter: Letter) => redis.publish(channel(to), JSON.stringify(letter));

  async function receive(text: string): Promise<void> {
    const { id, replyTo, ...letter }: Letter = JSON.parse(text);
    if (letter.answer) waiting.get(id)?.(letter.answer);
    if (!letter.request || replyTo === undefined) return;
    const { body, ...request } = letter.request;
    const given = await answer({ ...request, body: Buffer.from(body, 'base64') });
    await send(replyTo, { id, answer: given });
  }

  const subscriber = redis.duplicate();
  subscriber.on('error', () => {});
  await subscriber.connect();
  // If an answer cannot be sent, the asker runs into its own time limit.
  await subscriber.subscribe(channel(address), (text) => void receive(text).catch(() => {}));
  subscriber.on('ready', interrupted);

  return {
    ask: async (to, request) => {
      const id = randomUUID();
      const { promise, resolve, reject } = Promise.withResolvers<ConnectionAnswer | undefined>();
      const limit = setTimeout(
        () => reject(new Error(`${to} did not answer within ${ANSWER_SECONDS} s`)),
        ANSWER_SECONDS * 1000,
      );
      const look = setInterval(
        () =>
          void redis.pubSubNumSub([channel(to)]).then(
            (listeners) => listeners[channel(to)] === 0 && resolve(undefined),
            () => {},
          ),
        LOOK_MS,
      );
      waiting.set(id, resolve);
      const body = request.body.toString('base64');
      // Not awaited: if Redis hangs, the time limit must still apply.
      send(to, { id, replyTo: address, request: { ...request, body } }).then(
        (receivers) => receivers === 0 && resolve(undefined),
        reject,
      );
      try {
        return await promise;
      } finally {
        clearTimeout(limit);
        clearInterval(look);
        waiting.delete(id);
      }
    },
    close: async () => {
      subscriber.destroy();
    },
  };
}
