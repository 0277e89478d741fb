import { setTimeout as sleep } from 'node:timers/promises';
import type { MappingSpec } from '../../template/deployment.ts';
import { REGION } from '../../template/physical.ts';
import type { ReceivedMessage, SqsRequests } from '../sqs/sqs-requests.ts';
import type { Lambda } from './lambda.ts';
import type { Outcome } from './sandbox.ts';

/** Seconds of SQS's long poll. */
const WAIT_SECONDS = 20;

/** Invocations at once of a mapping without `MaximumConcurrency`: the pollers that Lambda starts with. */
const DEFAULT_CONCURRENCY = 5;

/**
 * Milliseconds that a further invocation waits for one under way to end, while less than a full batch waits: under load
 * a batch then carries several messages, which costs little more than one, and who comes alone waits for nothing.
 */
const GATHER_MS = 10;

export interface EventSourceMapping {
  /** Receives no more messages; resolves when the invocations under way have ended. */
  stop(): Promise<void>;
}

/**
 * The emulator of a Lambda event source mapping of a queue: receives batches, invokes the function with each, and
 * deletes what succeeded. What failed stays invisible until its visibility timeout.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function startEventSourceMapping(options: {
  mapping: MappingSpec;
  queue: { readonly url: string; readonly arn: string };
  requests: SqsRequests;
  lambda: Pick<Lambda, 'invoke'>;
  log: (line: string) => void;
}): EventSourceMapping {
  const { mapping, queue, requests, lambda, log } = options;
  const concurrency = mapping.maximumConcurrency ?? DEFAULT_CONCURRENCY;
  const stopping = new AbortController();
  const underWay = new Set<Promise<void>>();

  /** One long poll at a time: a message is taken the moment it is there, by whoever has a sandbox to give. */
  async function poll(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const size = Math.min(mapping.batchSize, 10);
        const messages = await requests.receive(queue.url, size, WAIT_SECONDS, stopping.signal);
        if (messages.length > 0) begin(messages);
        if (underWay.size >= concurrency) await Promise.race(underWay);
        else if (messages.length < size && underWay.size > 0) await gather();
      } catch (error) {
        if (stopping.signal.aborted) return;
        log(`cannot receive from ${mapping.queueName}: ${error instanceof Error ? error.message : error}`);
        await sleep(1000);
      }
    }
  }

  async function gather(): Promise<void> {
    const timer = new AbortController();
    const pause = sleep(GATHER_MS, undefined, { signal: timer.signal }).catch(() => {});
    await Promise.race([pause, ...underWay]);
    timer.abort();
  }

  function begin(messages: readonly ReceivedMessage[]): void {
    const delivery = deliver(messages).catch((error: unknown) =>
      log(`${mapping.queueName}: ${String(error)}`),
    );
    underWay.add(delivery);
    void delivery.then(() => underWay.delete(delivery));
  }

  async function deliver(messages: readonly ReceivedMessage[]): Promise<void> {
    const event = { Records: messages.map((message) => sqsRecord(message, queue.arn)) };
    let outcome: Outcome;
    try {
      outcome = await lambda.invoke(mapping.functionName, JSON.stringify(event), mapping.queueName);
    } catch (error) {
      // Throttled, or about to stop: nobody has seen these messages.
      await requests.giveBack(
        queue.url,
        messages.map(({ ReceiptHandle }) => ReceiptHandle),
      );
      throw error;
    }
    const failed = failedIds(outcome, mapping.reportsItemFailures, messages);
    const succeeded = messages.filter(({ MessageId }) => !failed.has(MessageId));
    if (succeeded.length > 0) {
      await requests.remove(
        queue.url,
        succeeded.map(({ ReceiptHandle }) => ReceiptHandle),
      );
    }
  }

  const polling = poll();
  return {
    stop: async () => {
      stopping.abort();
      await polling;
      await Promise.all(underWay);
    },
  };
}

/** A received message as a function sees it. */
function sqsRecord(message: ReceivedMessage, eventSourceARN: string) {
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(
        ([name, { DataType, StringValue, BinaryValue }]) => [
          name,
          {
            ...(StringValue === undefined ? {} : { stringValue: StringValue }),
            ...(BinaryValue === undefined ? {} : { binaryValue: BinaryValue }),
            stringListValues: [],
            binaryListValues: [],
            dataType: DataType,
          },
        ],
      ),
    ),
    md5OfBody: message.MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN,
    awsRegion: REGION,
  };
}

/**
 * The messages that did not succeed. A function that fails, or names a message that was not in the batch, fails the
 * whole batch; an empty or absent list means that all succeeded.
 */
function failedIds(
  { payload, functionError }: Outcome,
  reportsItemFailures: boolean,
  messages: readonly ReceivedMessage[],
): Set<string> {
  const all = new Set(messages.map(({ MessageId }) => MessageId));
  if (functionError) return all;
  if (!reportsItemFailures) return new Set();
  const result = JSON.parse(payload) as { batchItemFailures?: { itemIdentifier?: unknown }[] | null } | null;
  const failures = result?.batchItemFailures ?? [];
  if (!Array.isArray(failures)) return all;
  const named = failures.map((item) => item?.itemIdentifier);
  const known = named.filter((id): id is string => typeof id === 'string' && all.has(id));
  return known.length === named.length ? new Set(known) : all;
}
