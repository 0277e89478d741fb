import { randomUUID } from 'node:crypto';
import type { Redis } from './redis-client.ts';
import type { AskConnection, ConnectionAnswer, ConnectionRequest } from './websocket-management.ts';

/** Seconds that a process has to answer: it only looks up a socket and writes to it. */
const ANSWER_SECONDS = 3;

/** A request or its answer, as it travels. */
interface Letter {
  readonly id: string;
  /** Of a request: the address that awaits the answer. */
  readonly replyTo?: string;
  readonly request?: Omit<ConnectionRequest, 'body'> & { readonly body: string };
  readonly answer?: ConnectionAnswer;
}

/** Carries requests from process to process by Redis pub/sub. */
export interface Mailbox {
  /**
   * Asks the process at `address`.
   *
   * @returns undefined when no process listens there: Redis counts who received, and a process that was killed is no
   *   subscriber any more
   * @throws when Redis cannot be reached, or the process does not answer in time
   */
  ask(address: string, request: ConnectionRequest): Promise<ConnectionAnswer | undefined>;
  close(): Promise<void>;
}

/**
 * Opens the mailbox of this process.
 *
 * @param address unique among all processes
 * @param answer  answers what others ask of this process
 */
export async function openMailbox(redis: Redis, address: string, answer: AskConnection): Promise<Mailbox> {
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
  // The asker gives up by itself when an answer cannot be sent.
  await subscriber.subscribe(channel(address), (text) => void receive(text).catch(() => {}));

  return {
    ask: async (to, request) => {
      const id = randomUUID();
      const { promise, resolve, reject } = Promise.withResolvers<ConnectionAnswer>();
      const timer = setTimeout(
        () => reject(new Error(`${to} did not answer within ${ANSWER_SECONDS} s`)),
        ANSWER_SECONDS * 1000,
      );
      waiting.set(id, resolve);
      try {
        const body = request.body.toString('base64');
        const sent = send(to, { id, replyTo: address, request: { ...request, body } });
        // Whichever comes first: a lost Redis may answer neither.
        const receivers = await Promise.race([sent, promise.then(() => 1)]);
        return receivers === 0 ? undefined : await promise;
      } finally {
        clearTimeout(timer);
        waiting.delete(id);
      }
    },
    close: async () => {
      subscriber.destroy();
    },
  };
}
