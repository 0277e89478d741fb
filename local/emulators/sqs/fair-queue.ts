import { randomUUID } from 'node:crypto';
import { FairMessages } from './fair-messages.ts';
import type { ReceivedMessage, SqsMessage, SqsQueue, SqsStore } from './fauxqs.ts';
import type { QueueJournal } from './queue-journal.ts';

export interface ReceiveOptions {
  /** Messages at most, 1 to 10. */
  readonly max: number;
  /** Default: the queue's visibility timeout. */
  readonly visibilitySeconds?: number | undefined;
  /** How long to wait for the first. */
  readonly waitSeconds: number;
  /** Aborted when nobody waits for the answer any more: it takes no message then. */
  readonly signal?: AbortSignal | undefined;
}

export type Receive = (options: ReceiveOptions) => Promise<ReceivedMessage[]>;

interface Waiter extends ReceiveOptions {
  readonly resolve: (messages: ReceivedMessage[]) => void;
}

/** `setTimeout` takes no longer one. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Gives a queue of fauxqs the order of SQS's fair queues, which fauxqs does not know, and a cost of sending and receiving
 * that does not grow with what is queued. The messages that the journal brought are taken over. Everything else about
 * the queue stays fauxqs'.
 *
 * @returns how to receive from it; a long poll is answered the moment that a message is there
 */
export function makeFair(queue: SqsQueue, store: SqsStore, journal: QueueJournal): Receive {
  const messages = new FairMessages<SqsMessage>();
  const waiters = new Set<Waiter>();
  let serving = false;
  let timer: { at: number; timeout: NodeJS.Timeout } | undefined;

  function take({ max, visibilitySeconds }: ReceiveOptions): ReceivedMessage[] {
    const now = Date.now();
    const { VisibilityTimeout, RedrivePolicy } = queue.attributes;
    const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(RedrivePolicy || '{}');
    const deadLetters = store.getQueueByArn(deadLetterTargetArn ?? '');
    const taken: ReceivedMessage[] = [];
    while (taken.length < max) {
      const message = messages.next(now);
      if (!message) break;
      message.approximateReceiveCount++;
      message.approximateFirstReceiveTimestamp ??= now;
      if (deadLetters && message.approximateReceiveCount > maxReceiveCount) {
        journal.deleteMessage(message.messageId);
        deadLetters.enqueue(message);
      } else {
        taken.push(hold(message, now + (visibilitySeconds ?? Number(VisibilityTimeout)) * 1000));
      }
    }
    return taken;
  }

  function hold(message: SqsMessage, deadline: number): ReceivedMessage {
    const handle = randomUUID();
    keep(message, handle, deadline);
    return {
      MessageId: message.messageId,
      ReceiptHandle: handle,
      MD5OfBody: message.md5OfBody,
      Body: message.body,
      Attributes: {
        SenderId: 'local',
        SentTimestamp: String(message.sentTimestamp),
        ApproximateReceiveCount: String(message.approximateReceiveCount),
        ApproximateFirstReceiveTimestamp: String(message.approximateFirstReceiveTimestamp),
        ...(message.messageGroupId && { MessageGroupId: message.messageGroupId }),
      },
      ...(message.md5OfMessageAttributes && {
        MD5OfMessageAttributes: message.md5OfMessageAttributes,
        MessageAttributes: message.messageAttributes,
      }),
    };
  }

  function keep(message: SqsMessage, handle: string, deadline: number): void {
    messages.hold({ message, handle, deadline });
    const { messageId, approximateReceiveCount, approximateFirstReceiveTimestamp } = message;
    journal.updateMessageInflight(
      messageId,
      handle,
      deadline,
      approximateReceiveCount,
      approximateFirstReceiveTimestamp,
    );
  }

  /** After this turn of the event loop: what is sent together is received together. */
  function serveSoon(): void {
    if (serving || waiters.size === 0) return;
    serving = true;
    setImmediate(() => {
      serving = false;
      serve();
    });
  }

  function serve(): void {
    for (const waiter of waiters) {
      const taken = take(waiter);
      if (taken.length === 0) break;
      waiters.delete(waiter);
      waiter.resolve(taken);
    }
    awaitNextChange();
  }

  /** Those who wait are served when a delay or a visibility timeout is over. */
  function awaitNextChange(): void {
    const at = waiters.size > 0 ? messages.nextChange() : undefined;
    if (timer?.at === at) return;
    clearTimeout(timer?.timeout);
    timer = at === undefined ? undefined : { at, timeout: setTimeout(onTime, wait(at)) };
  }

  function onTime(): void {
    timer = undefined;
    serve();
  }

  Object.assign(queue, {
    enqueue: (message: SqsMessage) => {
      journal.insertMessage(queue.name, message);
      messages.add(message, Date.now());
      serveSoon();
    },
    deleteMessage: (handle: string) => {
      const message = messages.release(handle);
      if (message) journal.deleteMessage(message.messageId);
      return message !== undefined;
    },
    changeVisibility: (handle: string, seconds: number) => {
      const message = messages.release(handle);
      if (!message) return;
      keep(message, handle, Date.now() + seconds * 1000);
      serveSoon();
    },
    purge: () => {
      messages.clear();
      journal.deleteQueueMessages(queue.name);
    },
    cancelWaiters: () => {
      for (const waiter of waiters) waiter.resolve([]);
      waiters.clear();
      awaitNextChange();
    },
    inspectMessages: () => {
      const { ready, delayed, held } = messages.all();
      const inflight = held.map(({ message, handle, deadline }) => ({
        message,
        receiptHandle: handle,
        visibilityDeadline: deadline,
      }));
      return { ready, delayed, inflight };
    },
  });

  // What the journal has put there; from now on only the numbers of them, and who is held.
  const { ready, delayed, inflight } = {
    ready: queue.messages,
    delayed: queue.delayedMessages,
    inflight: queue.inflightMessages,
  };
  const now = Date.now();
  // Whoever held some was of the process that wrote the journal, and has ended with it: nobody has them now, and waiting out
  // an hour and a half of visibility timeout would be for nothing.
  const abandoned = [...inflight.values()].map(({ message }) => message);
  const oldestFirst = [...ready, ...delayed, ...abandoned].sort((a, b) => a.sentTimestamp - b.sentTimestamp);
  for (const message of oldestFirst) messages.add(message, now);
  Object.assign(queue, {
    messages: {
      get length() {
        return messages.counts.ready;
      },
    },
    delayedMessages: {
      get length() {
        return messages.counts.delayed;
      },
    },
    inflightMessages: {
      get size() {
        return messages.counts.held;
      },
      has: (handle: string) => messages.held(handle) !== undefined,
    },
  });

  return async (options) => {
    const { waitSeconds, signal } = options;
    const taken = take(options);
    if (taken.length > 0 || waitSeconds === 0) return taken;
    return new Promise((resolve) => {
      const end = (found: ReceivedMessage[]) => {
        clearTimeout(over);
        waiters.delete(waiter);
        signal?.removeEventListener('abort', giveUp);
        resolve(found);
      };
      const giveUp = () => end([]);
      const waiter = { ...options, resolve: end };
      const over = setTimeout(giveUp, waitSeconds * 1000);
      signal?.addEventListener('abort', giveUp);
      waiters.add(waiter);
      awaitNextChange();
    });
  };
}

function wait(until: number): number {
  return Math.min(Math.max(0, until - Date.now()), MAX_TIMER_MS);
}
