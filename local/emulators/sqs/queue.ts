import { randomUUID } from 'node:crypto';
import { ACCOUNT, REGION } from '../../template/physical.ts';
import { FairMessages, type Held } from './fair-messages.ts';
import { LongPolls, type Poll } from './long-polls.ts';
import { type Message, newMessage, type SendRequest } from './message.ts';
import { INITIAL_ATTRIBUTES, type QueueAttributes, redriveOf } from './queue-attributes.ts';
import type { QueueStore, StoredQueue } from './queue-store.ts';

interface ReceiveOptions extends Poll {
  /** Largest number of messages. */
  readonly max: number;
  /** Seconds during which no other receiver gets the messages. Default: the queue's visibility timeout. */
  readonly visibilitySeconds?: number | undefined;
}

/** A standard queue. Each message is in memory and in the store until it is deleted. */
export class Queue {
  readonly name: string;
  readonly #store: QueueStore;
  readonly #queues: ReadonlyMap<string, Queue>;
  readonly #messages = new FairMessages<Message>();
  readonly #polls = new LongPolls<ReceiveOptions, Held<Message>>(
    (options) => this.#take(options),
    () => this.#messages.nextChange(),
  );
  #attributes: QueueAttributes;

  /**
   * Loads the messages of an earlier run. Messages that were held then are visible again, because their receivers ended
   * with that run.
   *
   * @param queues all queues by name, including those for dead letters
   */
  constructor({ name, attributes }: StoredQueue, store: QueueStore, queues: ReadonlyMap<string, Queue>) {
    this.name = name;
    this.#store = store;
    this.#queues = queues;
    this.#attributes = { ...INITIAL_ATTRIBUTES, ...attributes };
    const now = Date.now();
    for (const message of store.messages(name)) this.#messages.add(message, now);
  }

  /** The attributes that were set, and the attributes that describe the queue's state. */
  get attributes(): QueueAttributes {
    const { ready, delayed, held } = this.#messages.counts;
    return {
      ...this.#attributes,
      QueueArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${this.name}`,
      ApproximateNumberOfMessages: String(ready),
      ApproximateNumberOfMessagesDelayed: String(delayed),
      ApproximateNumberOfMessagesNotVisible: String(held),
    };
  }

  /** Sets some attributes. An empty text removes one. */
  change(changes: QueueAttributes): undefined {
    const attributes = Object.entries({ ...this.#attributes, ...changes }).filter(
      ([, value]) => value !== '',
    );
    this.#attributes = Object.fromEntries(attributes);
    this.#store.saveQueue(this.name, this.#attributes);
  }

  /** Adds a message. @throws {SqsError} when SQS would not accept it */
  send(request: SendRequest): Message {
    const message = newMessage(request, this.#attributes);
    this.#store.insert(this.name, message);
    this.#add(message);
    return message;
  }

  /**
   * Receives messages. A long poll is answered as soon as there is a message. `waitSeconds` defaults to the queue's
   * attribute.
   */
  receive(options: Omit<ReceiveOptions, 'waitSeconds'> & { waitSeconds?: number | undefined }) {
    const waitSeconds = options.waitSeconds ?? Number(this.#attributes.ReceiveMessageWaitTimeSeconds);
    return this.#polls.receive({ ...options, waitSeconds });
  }

  /** Deletes a held message. Does nothing when no message is held by this handle. */
  delete(handle: string): undefined {
    const message = this.#messages.release(handle);
    if (message) this.#store.delete(message);
  }

  /** Changes how long a message stays hidden. @returns false when no message is held by this handle */
  changeVisibility(handle: string, seconds: number): boolean {
    const message = this.#messages.release(handle);
    if (!message) return false;
    this.#messages.hold({ message, handle, deadline: Date.now() + seconds * 1000 });
    this.#polls.serveSoon();
    return true;
  }

  purge(): undefined {
    this.#messages.clear();
    this.#store.purge(this.name);
  }

  #take({ max, visibilitySeconds }: ReceiveOptions): Held<Message>[] {
    const now = Date.now();
    const hiddenMs = (visibilitySeconds ?? Number(this.#attributes.VisibilityTimeout)) * 1000;
    // At least one millisecond, so that one request does not take a message twice.
    const deadline = now + Math.max(1, hiddenMs);
    const redrive = redriveOf(this.#attributes);
    const deadLetters = this.#queues.get(redrive?.queueName ?? '');
    const taken: Held<Message>[] = [];
    while (taken.length < max) {
      const message = this.#messages.next(now);
      if (!message) break;
      message.receiveCount++;
      message.firstReceivedAt ??= now;
      if (redrive && deadLetters && message.receiveCount > redrive.maxReceiveCount) {
        this.#store.update(deadLetters.name, message);
        deadLetters.#add(message);
        continue;
      }
      this.#store.update(this.name, message);
      const held = { message, handle: randomUUID(), deadline };
      this.#messages.hold(held);
      taken.push(held);
    }
    return taken;
  }

  #add(message: Message): void {
    this.#messages.add(message, Date.now());
    this.#polls.serveSoon();
  }
}
