import type { Receive } from './fair-queue.ts';
import type { Fauxqs, MessageAttributes, ReceivedMessage, SqsMessage, SqsQueue } from './fauxqs.ts';

/** SQS's own limit, which fauxqs does not know. */
const MAX_DELAY_SECONDS = 900;

/** Entries of one batch, and messages of one receive. */
const MAX_BATCH = 10;

const MAX_WAIT_SECONDS = 20;

interface Entry {
  Id: string;
  MessageBody?: string;
  MessageAttributes?: MessageAttributes;
  MessageGroupId?: string;
  DelaySeconds?: number;
}

interface ReceiveInput {
  MaxNumberOfMessages?: number;
  VisibilityTimeout?: number;
  WaitTimeSeconds?: number;
  AttributeNames?: string[];
  MessageSystemAttributeNames?: string[];
  MessageAttributeNames?: string[];
}

/** What a request asks of one queue. @throws {SqsRefusal} */
type SqsAction = (
  queue: SqsQueue,
  input: Record<string, unknown>,
  signal?: AbortSignal,
) => unknown | Promise<unknown>;

/**
 * The actions that a task's way takes, by name; the others are fauxqs' own.
 *
 * @param receiveFrom how to receive from each of the queues
 */
export function sqsActions(
  fauxqs: Fauxqs,
  receiveFrom: (queue: SqsQueue) => Receive,
): Record<string, SqsAction> {
  const { SqsStore, SqsError, INVALID_MESSAGE_BODY_CHAR, VALID_BATCH_ENTRY_ID } = fauxqs;
  const refusal = (code: string, message: string) => new SqsError(code, message);
  const sizeOf = ({ MessageBody = '', MessageAttributes = {} }: Entry) =>
    fauxqs.calculateMessageSize(MessageBody, MessageAttributes);

  /** Why a message is refused. */
  function complaint(queue: SqsQueue, entry: Entry): { code: string; message: string } | undefined {
    if (!entry.MessageBody)
      return { code: 'MissingParameter', message: 'The request must contain the parameter MessageBody.' };
    if (INVALID_MESSAGE_BODY_CHAR.test(entry.MessageBody))
      return { code: 'InvalidMessageContents', message: 'Invalid characters found.' };
    const limit = Number(queue.attributes.MaximumMessageSize);
    if (sizeOf(entry) <= limit) return undefined;
    const message = `One or more parameters are invalid. Reason: Message must be shorter than ${limit} bytes.`;
    return { code: 'InvalidParameterValue', message };
  }

  function checkDelays(entries: readonly Entry[]): void {
    for (const { DelaySeconds: delay = 0 } of entries) {
      if (delay >= 0 && delay <= MAX_DELAY_SECONDS) continue;
      const rule = `DelaySeconds must be >= 0 and <= ${MAX_DELAY_SECONDS}.`;
      throw refusal(
        'InvalidParameterValue',
        `Value ${delay} for parameter DelaySeconds is invalid. Reason: ${rule}`,
      );
    }
  }

  function enqueue(queue: SqsQueue, entry: Entry): SqsMessage {
    const delay = entry.DelaySeconds ?? Number(queue.attributes.DelaySeconds);
    const message = SqsStore.createMessage(
      entry.MessageBody ?? '',
      entry.MessageAttributes ?? {},
      delay > 0 ? delay : undefined,
      entry.MessageGroupId,
    );
    queue.enqueue(message);
    return message;
  }

  /** The entries of a batch. @throws {SqsRefusal} when they are none, too many, or not told apart by their ids */
  function batch(input: Record<string, unknown>): Entry[] {
    const entries = (Array.isArray(input.Entries) ? input.Entries : []) as Entry[];
    if (entries.length === 0)
      throw refusal('EmptyBatchRequest', "The batch request doesn't contain any entries.");
    if (entries.length > MAX_BATCH)
      throw refusal(
        'TooManyEntriesInBatchRequest',
        `Maximum number of entries per request are ${MAX_BATCH}.`,
      );
    if (new Set(entries.map(({ Id }) => Id)).size < entries.length)
      throw refusal('BatchEntryIdsNotDistinct', 'Two or more batch entries in the request have the same Id.');
    if (!entries.every(({ Id }) => VALID_BATCH_ENTRY_ID.test(Id)))
      throw refusal(
        'InvalidBatchEntryId',
        'A batch entry id can only contain alphanumeric characters, hyphens and underscores.',
      );
    return entries;
  }

  return {
    SendMessage: (queue, input) => {
      const entry = { Id: '0', ...input } as Entry;
      checkDelays([entry]);
      const why = complaint(queue, entry);
      if (why) throw refusal(why.code, why.message);
      return sent(enqueue(queue, entry));
    },
    SendMessageBatch: (queue, input) => {
      const entries = batch(input);
      checkDelays(entries);
      const limit = fauxqs.SQS_MAX_MESSAGE_SIZE_BYTES;
      if (entries.reduce((sum, entry) => sum + sizeOf(entry), 0) > limit)
        throw refusal('BatchRequestTooLong', `Batch requests cannot be longer than ${limit} bytes.`);
      const Successful: unknown[] = [];
      const Failed: unknown[] = [];
      for (const entry of entries) {
        const why = complaint(queue, entry);
        if (why) Failed.push({ Id: entry.Id, SenderFault: true, Code: why.code, Message: why.message });
        else Successful.push({ Id: entry.Id, ...sent(enqueue(queue, entry)) });
      }
      return { Successful, Failed };
    },
    ReceiveMessage: async (queue, input, signal) => {
      const {
        MaxNumberOfMessages: max = 1,
        VisibilityTimeout: visibilitySeconds,
        ...rest
      }: ReceiveInput = input;
      const waitSeconds = rest.WaitTimeSeconds ?? Number(queue.attributes.ReceiveMessageWaitTimeSeconds);
      if (max < 1 || max > MAX_BATCH)
        throw refusal('InvalidParameterValue', `MaxNumberOfMessages must be between 1 and ${MAX_BATCH}.`);
      if (waitSeconds < 0 || waitSeconds > MAX_WAIT_SECONDS)
        throw refusal('InvalidParameterValue', `WaitTimeSeconds must be between 0 and ${MAX_WAIT_SECONDS}.`);
      const messages = await receiveFrom(queue)({ max, visibilitySeconds, waitSeconds, signal });
      const systemNames = [...(rest.AttributeNames ?? []), ...(rest.MessageSystemAttributeNames ?? [])];
      return messages.length > 0
        ? { Messages: messages.map((message) => named(message, systemNames, rest.MessageAttributeNames)) }
        : {};
    },
    DeleteMessageBatch: (queue, input) => {
      const entries = batch(input) as (Entry & { ReceiptHandle?: string })[];
      // What is gone already counts as deleted, as on AWS.
      for (const { ReceiptHandle = '' } of entries) queue.deleteMessage(ReceiptHandle);
      return { Successful: entries.map(({ Id }) => ({ Id })), Failed: [] };
    },
  };
}

function sent({ messageId, md5OfBody, md5OfMessageAttributes }: SqsMessage) {
  return {
    MessageId: messageId,
    MD5OfMessageBody: md5OfBody,
    ...(md5OfMessageAttributes && { MD5OfMessageAttributes: md5OfMessageAttributes }),
  };
}

/** The message with those attributes only that were asked for by name. */
function named(
  { Attributes, MessageAttributes, MD5OfMessageAttributes, ...message }: ReceivedMessage,
  systemNames: readonly string[],
  names: readonly string[] = [],
): ReceivedMessage {
  const system = only(Attributes, systemNames);
  const own = only(MessageAttributes, names);
  return {
    ...message,
    ...(system && { Attributes: system }),
    ...(own && { MessageAttributes: own }),
    ...(own && MD5OfMessageAttributes && { MD5OfMessageAttributes }),
  };
}

function only<T>(
  attributes: Record<string, T> | undefined,
  names: readonly string[],
): Record<string, T> | undefined {
  if (!attributes || names.includes('All') || names.includes('.*')) return attributes;
  const wanted = Object.entries(attributes).filter(([name]) =>
    names.some((each) => each === name || (each.endsWith('.*') && name.startsWith(each.slice(0, -1)))),
  );
  return wanted.length > 0 ? Object.fromEntries(wanted) : undefined;
}
