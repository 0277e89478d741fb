import { setTimeout as sleep } from 'node:timers/promises';
import type { MappingSpec } from '../../template/deployment.ts';
import { REGION } from '../../template/physical.ts';
import type { ReceivedMessage, SqsRequests } from '../sqs/sqs-requests.ts';
import type { Lambda } from './lambda.ts';
import type { Outcome } from './sandbox.ts';

/** Seconds of SQS's long poll. */
const WAIT_SECONDS = 20;

/** Concurrent invocations of a mapping without `MaximumConcurrency`: the number of pollers with which Lambda starts. */
const DEFAULT_CONCURRENCY = 5;

/**
 * While an invocation runs and less than a full batch waits, the next invocation waits this many milliseconds for it to
 * end. Under load a batch then carries several messages, which costs little more than one. A single message on an idle
 * mapping does not wait.
 */
const GATHER_MS = 10;

export interface EventSourceMapping {
  /** Stops receiving messages. Resolves when the invocations under way have ended. */
  stop(): Promise<void>;
}

/**
 * Emulates a Lambda event source mapping of a queue: receives batches, invokes the function with each batch, and
 * deletes the messages that succeeded. A failed message stays invisible until its visibility timeout. A refused batch
 * becomes visible after a second.
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
  const { signal } = stopping;
  const underWay = new Set<Promise<void>>();

  /** Runs one long poll at a time, so that a message is received as soon as it exists and a sandbox is free. */
  async function poll(): Promise<void> {
    while (!signal.aborted) {
      try {
        const max = Math.min(mapping.batchSize, 10);
        const messages = await requests.receive(queue.url, { max, waitSeconds: WAIT_SECONDS, signal });
        if (messages.length > 0) begin(messages);
        if (underWay.size >= concurrency) await Promise.race(underWay);
        else if (messages.length < max && underWay.size > 0) await gather();
      } catch (error) {
        if (signal.aborted) return;
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
      // Lambda was throttled or is stopping. No function has received these messages.
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

/** Converts a received message to the record that a function gets. */
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
 * Returns the ids of the messages that failed. If the function fails, or names a message that was not in the batch, the
 * whole batch fails. An empty or missing list means that all messages succeeded.
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
