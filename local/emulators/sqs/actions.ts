import type { Held } from './fair-messages.ts';
import { attributesMd5, type Message, type SendRequest, sizeOf } from './message.ts';
import type { Queue } from './queue.ts';
import { checkAttributes, inRange, type QueueAttributes } from './queue-attributes.ts';
import { SqsError } from './sqs-error.ts';
import type { ReceivedMessage } from './sqs-requests.ts';

/** Union of the parameters of all actions and of a batch's entries. */
export interface Input extends SendRequest {
  readonly QueueUrl?: string;
  readonly QueueName?: string;
  readonly QueueNamePrefix?: string;
  readonly Attributes?: QueueAttributes;
  readonly AttributeNames?: readonly string[];
  readonly MessageSystemAttributeNames?: readonly string[];
  readonly MessageAttributeNames?: readonly string[];
  readonly MaxNumberOfMessages?: number;
  readonly WaitTimeSeconds?: number;
  readonly VisibilityTimeout?: number;
  readonly ReceiptHandle?: string;
  readonly Entries?: readonly Entry[];
}

type Entry = Input & { readonly Id: string };

/** The queues on which an action works. */
export interface ActionContext {
  /** Queues by name. */
  readonly queues: ReadonlyMap<string, Queue>;
  readonly create: (name: string) => Queue;
  readonly urlOf: (queue: Queue) => string;
  /** Aborted when the client no longer waits for the answer. */
  readonly signal: AbortSignal | undefined;
}

/** Undefined means an answer without members. */
type Output = object | undefined | Promise<object>;

const MAX_BATCH_ENTRIES = 10;
const MAX_BATCH_BYTES = 1_048_576;

/** Pattern for a queue's name and for the Id of a batch entry. */
const NAME = /^[\w-]{1,80}$/;
const NAME_RULE = '1 to 80 letters, digits, hyphens and underscores';

const ACCOUNT_ACTIONS: Record<string, (input: Input, context: ActionContext) => Output> = {
  CreateQueue: ({ QueueName: name = '', Attributes = {} }, { queues, create, urlOf }) => {
    if (!NAME.test(name)) throw new SqsError('InvalidParameterValue', `A queue's name has ${NAME_RULE}.`);
    checkAttributes(Attributes);
    const existing = queues.get(name);
    const differs = Object.entries(Attributes).some(([key, value]) => existing?.attributes[key] !== value);
    if (existing && differs)
      throw new SqsError('QueueNameExists', 'A queue of this name exists with other attributes.');
    const queue = existing ?? create(name);
    queue.change(Attributes);
    return { QueueUrl: urlOf(queue) };
  },
  GetQueueUrl: ({ QueueName = '' }, context) => ({ QueueUrl: context.urlOf(queueOf(context, QueueName)) }),
  ListQueues: ({ QueueNamePrefix: prefix = '' }, { queues, urlOf }) => ({
    QueueUrls: [...queues.values()].filter(({ name }) => name.startsWith(prefix)).map(urlOf),
  }),
};

const QUEUE_ACTIONS: Record<string, (queue: Queue, input: Input, signal?: AbortSignal) => Output> = {
  GetQueueAttributes: (queue, { AttributeNames = [] }) => ({
    Attributes: named(queue.attributes, AttributeNames),
  }),
  SetQueueAttributes: (queue, { Attributes = {} }) => {
    checkAttributes(Attributes);
    return queue.change(Attributes);
  },
  PurgeQueue: (queue) => queue.purge(),
  ReceiveMessage: async (queue, input, signal) => {
    const { MaxNumberOfMessages = 1, WaitTimeSeconds, VisibilityTimeout } = input;
    const taken = await queue.receive({
      max: inRange('MaxNumberOfMessages', MaxNumberOfMessages),
      waitSeconds: WaitTimeSeconds && inRange('WaitTimeSeconds', WaitTimeSeconds),
      visibilitySeconds: VisibilityTimeout && inRange('VisibilityTimeout', VisibilityTimeout),
      signal,
    });
    return taken.length > 0 ? { Messages: taken.map((held) => received(held, input)) } : {};
  },
};

/** Each action also has a batch form, for example `SendMessageBatch`. */
const MESSAGE_ACTIONS: Record<string, (queue: Queue, input: Input) => object | undefined> = {
  SendMessage: (queue, input) => {
    const { id, bodyMd5, attributes } = queue.send(input);
    return { MessageId: id, MD5OfMessageBody: bodyMd5, MD5OfMessageAttributes: attributesMd5(attributes) };
  },
  DeleteMessage: (queue, input) => queue.delete(required(input, 'ReceiptHandle')),
  ChangeMessageVisibility: (queue, input) => {
    const seconds = inRange('VisibilityTimeout', required(input, 'VisibilityTimeout'));
    if (queue.changeVisibility(required(input, 'ReceiptHandle'), seconds)) return undefined;
    throw new SqsError('MessageNotInflight', 'The specified message is not in flight.');
  },
};

/**
 * Performs an action. Supports the actions that send, receive and delete messages, and those that manage standard
 * queues.
 *
 * @throws {SqsError} when the request is refused or the action is not supported
 */
export function perform(name: string, input: Input, context: ActionContext): Output {
  const ofAccount = ACCOUNT_ACTIONS[name];
  if (ofAccount) return ofAccount(input, context);
  const ofQueue = QUEUE_ACTIONS[name] ?? MESSAGE_ACTIONS[name];
  const ofEntry = name.endsWith('Batch') && MESSAGE_ACTIONS[name.slice(0, -'Batch'.length)];
  const queue = () => queueOf(context, required(input, 'QueueUrl').split('/').at(-1));
  if (ofQueue) return ofQueue(queue(), input, context.signal);
  if (ofEntry) return performBatch(queue(), input, ofEntry);
  throw new SqsError('UnsupportedOperation', `There is no action ${name} here.`);
}

/** Performs the action for every entry. A refused entry does not affect the others. */
function performBatch(queue: Queue, input: Input, action: (typeof MESSAGE_ACTIONS)[string]): object {
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entriesOf(input)) {
    try {
      Successful.push({ Id: entry.Id, ...action(queue, entry) });
    } catch (error) {
      if (!(error instanceof SqsError)) throw error;
      Failed.push({ Id: entry.Id, SenderFault: true, Code: error.code, Message: error.message });
    }
  }
  return { Successful, Failed };
}

function entriesOf({ Entries = [] }: Input): readonly Entry[] {
  if (Entries.length === 0) throw new SqsError('EmptyBatchRequest', 'The batch request contains no entries.');
  if (Entries.length > MAX_BATCH_ENTRIES)
    throw new SqsError('TooManyEntriesInBatchRequest', `A batch has at most ${MAX_BATCH_ENTRIES} entries.`);
  if (!Entries.every(({ Id }) => NAME.test(Id)))
    throw new SqsError('InvalidBatchEntryId', `The Id of an entry has ${NAME_RULE}.`);
  if (new Set(Entries.map(({ Id }) => Id)).size < Entries.length)
    throw new SqsError('BatchEntryIdsNotDistinct', 'Two entries have the same Id.');
  if (Entries.reduce((sum, entry) => sum + sizeOf(entry), 0) > MAX_BATCH_BYTES)
    throw new SqsError('BatchRequestTooLong', `A batch has at most ${MAX_BATCH_BYTES} bytes.`);
  return Entries;
}

/** Returns the message with the attributes that its receiver asked for. */
function received({ message, handle }: Held<Message>, input: Input): ReceivedMessage {
  const { AttributeNames = [], MessageSystemAttributeNames = [], MessageAttributeNames = [] } = input;
  const system = {
    SenderId: 'local',
    SentTimestamp: String(message.sentAt),
    ApproximateReceiveCount: String(message.receiveCount),
    ApproximateFirstReceiveTimestamp: String(message.firstReceivedAt),
    ...(message.messageGroupId && { MessageGroupId: message.messageGroupId }),
  };
  const attributes = named(message.attributes, MessageAttributeNames);
  return {
    MessageId: message.id,
    ReceiptHandle: handle,
    MD5OfBody: message.bodyMd5,
    Body: message.body,
    Attributes: named(system, [...AttributeNames, ...MessageSystemAttributeNames]),
    MessageAttributes: attributes,
    MD5OfMessageAttributes: attributesMd5(attributes),
  };
}

/**
 * Returns the requested attributes, or undefined when there are none. `All` and `.*` mean all; `prefix.*` means those
 * with that prefix.
 */
function named<T>(attributes: Readonly<Record<string, T>>, names: readonly string[]) {
  const isAsked = (name: string) =>
    names.includes(name) || names.some((each) => each.endsWith('.*') && name.startsWith(each.slice(0, -2)));
  const asked = Object.entries(attributes).filter(([name]) => names.includes('All') || isAsked(name));
  return asked.length > 0 ? Object.fromEntries(asked) : undefined;
}

function queueOf({ queues }: ActionContext, name = ''): Queue {
  const queue = queues.get(name);
  if (!queue) throw new SqsError('QueueDoesNotExist', 'The specified queue does not exist.');
  return queue;
}

function required<Name extends keyof Input>(input: Input, name: Name): NonNullable<Input[Name]> {
  const value = input[name];
  if (value === undefined)
    throw new SqsError('MissingParameter', `The request must contain the parameter ${name}.`);
  return value;
}
