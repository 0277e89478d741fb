import { SqsError } from './sqs-error.ts';

export type QueueAttributes = Readonly<Record<string, string>>;

/** Initial values of the attributes that every queue has. */
export const INITIAL_ATTRIBUTES: QueueAttributes = {
  VisibilityTimeout: '30',
  DelaySeconds: '0',
  MaximumMessageSize: '1048576',
  MessageRetentionPeriod: '345600',
  ReceiveMessageWaitTimeSeconds: '0',
};

/** Attributes that are stored unchanged. Only the redrive policy has an effect. */
const TEXTS =
  /^(Policy|Redrive(Allow)?Policy|KmsMasterKeyId|KmsDataKeyReusePeriodSeconds|SqsManagedSseEnabled)$/;

/** Smallest and largest values of attributes and of action parameters. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  DelaySeconds: [0, 900],
  MaxNumberOfMessages: [1, 10],
  MaximumMessageSize: [1_024, 1_048_576],
  MessageRetentionPeriod: [60, 1_209_600],
  ReceiveMessageWaitTimeSeconds: [0, 20],
  VisibilityTimeout: [0, 43_200],
  WaitTimeSeconds: [0, 20],
};

/** Returns `value`. @throws {SqsError} with `code` when it is not a whole number in the range for `name` */
export function inRange(name: string, value: number, code = 'InvalidParameterValue'): number {
  const [min, max] = RANGES[name] ?? [0, 0];
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new SqsError(code, `${name} is ${value}. It must be a whole number from ${min} to ${max}.`);
}

/**
 * @throws {SqsError} when an attribute is unknown or its value is not allowed
 */
export function checkAttributes(attributes: QueueAttributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (name in INITIAL_ATTRIBUTES) inRange(name, Number(value || Number.NaN), 'InvalidAttributeValue');
    else if (!TEXTS.test(name)) throw new SqsError('InvalidAttributeName', `Unknown Attribute ${name}.`);
  }
  redriveOf(attributes);
}

/** Returns the queue that takes a message after too many receives. @throws {SqsError} when the policy is malformed */
export function redriveOf({ RedrivePolicy: policy }: QueueAttributes) {
  if (!policy) return undefined;
  try {
    const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(policy);
    const queueName = String(deadLetterTargetArn).split(':')[5];
    if (queueName && maxReceiveCount >= 1) return { queueName, maxReceiveCount: Number(maxReceiveCount) };
  } catch {}
  const rule = 'RedrivePolicy must be a JSON object with deadLetterTargetArn and maxReceiveCount.';
  throw new SqsError('InvalidAttributeValue', rule);
}
