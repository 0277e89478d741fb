import { createHash, randomUUID } from 'node:crypto';
import { inRange, type QueueAttributes } from './queue-attributes.ts';
import { SqsError } from './sqs-error.ts';

/** `BinaryValue` is Base64. A data type may have a label: `Number.float`. */
export type MessageAttribute = { DataType: string; StringValue?: string; BinaryValue?: string };
export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

/** A message as its sender passes it. */
export interface SendRequest {
  readonly MessageBody?: string;
  readonly MessageAttributes?: MessageAttributes;
  readonly MessageGroupId?: string;
  readonly DelaySeconds?: number;
}

/** A message in its queue. Times are in milliseconds since the epoch. */
export interface Message {
  readonly id: string;
  readonly body: string;
  readonly bodyMd5: string;
  readonly attributes: MessageAttributes;
  readonly messageGroupId?: string | undefined;
  readonly sentAt: number;
  /** No receiver gets the message before this time. */
  readonly delayUntil?: number | undefined;
  receiveCount: number;
  firstReceivedAt?: number | null;
  /** The message's key in the store. */
  number?: number;
}

/** A character that XML 1.0 does not allow. `isWellFormed` finds unpaired surrogates. */
const INVALID_CHARACTER = /[^\t\n\r\x20-\uFFFD]/;

/** Returns the bytes that count towards the limits: the body, and names, types and values of the attributes. */
export function sizeOf({ MessageBody = '', MessageAttributes = {} }: SendRequest): number {
  const sizes = Object.entries(MessageAttributes).map(
    ([name, attribute]) => Buffer.byteLength(name + attribute.DataType) + bytesOf(attribute).length,
  );
  return sizes.reduce((sum, size) => sum + size, Buffer.byteLength(MessageBody));
}

/** Creates a message. @throws {SqsError} when a queue with these attributes would not accept it */
export function newMessage(request: SendRequest, queue: QueueAttributes): Message {
  const { MessageBody: body, MessageAttributes: attributes = {}, MessageGroupId: messageGroupId } = request;
  if (!body) throw new SqsError('MissingParameter', 'The request must contain the parameter MessageBody.');
  if (INVALID_CHARACTER.test(body) || !body.isWellFormed())
    throw new SqsError('InvalidMessageContents', 'The message contains characters outside the allowed set.');
  for (const [name, { DataType }] of Object.entries(attributes)) {
    if (!/^(String|Number|Binary)(\.|$)/.test(DataType))
      throw new SqsError('InvalidParameterValue', `The type of '${name}' must be String, Number or Binary.`);
  }
  if (sizeOf(request) > Number(queue.MaximumMessageSize))
    throw new SqsError('InvalidParameterValue', `A message has at most ${queue.MaximumMessageSize} bytes.`);
  const delay = inRange('DelaySeconds', request.DelaySeconds ?? Number(queue.DelaySeconds)) * 1000;
  const sentAt = Date.now();
  const bodyMd5 = createHash('md5').update(body).digest('hex');
  const delayUntil = delay > 0 ? sentAt + delay : undefined;
  return { id: randomUUID(), body, bodyMd5, attributes, messageGroupId, sentAt, delayUntil, receiveCount: 0 };
}

/**
 * Returns the digest of the attributes in the order of their names. Each attribute contributes its name, its data type,
 * the kind of value (1 text, 2 binary) and its value. Undefined when there are no attributes.
 *
 * @see https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
 */
export function attributesMd5(attributes: MessageAttributes = {}): string | undefined {
  const withLength = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  };
  const parts = Object.entries(attributes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, attribute]) => [
      ...withLength(Buffer.from(name)),
      ...withLength(Buffer.from(attribute.DataType)),
      Buffer.of(attribute.DataType.startsWith('Binary') ? 2 : 1),
      ...withLength(bytesOf(attribute)),
    ]);
  return parts.length > 0 ? createHash('md5').update(Buffer.concat(parts)).digest('hex') : undefined;
}

function bytesOf({ StringValue, BinaryValue = '' }: MessageAttribute): Buffer {
  return StringValue === undefined ? Buffer.from(BinaryValue, 'base64') : Buffer.from(StringValue);
}
