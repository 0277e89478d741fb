import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** Maximum messages that one request may receive or delete. */
const BATCH = 10;

/**
 * Seconds that a request waits for the first message. The wait is short because the invocation cannot end during it: a
 * request that is cut off may have taken a message, and the message then stays hidden for the queue's visibility timeout.
 */
const WAIT_SECONDS = 1;

/** A received message, and how to delete it. */
export type ReceivedMessage = { message: Message; remove: () => Promise<void> };

/**
 * Receives messages of one queue, up to ten per request. Messages that are deleted at about the same time share one
 * request.
 *
 * @param onFailure called when messages could not be deleted; these messages appear again after the visibility timeout,
 *   when their tasks are done
 */
export function sqsReceive(
  sqs: SQSClient,
  QueueUrl: string,
  onFailure: (error: unknown) => void,
): () => Promise<ReceivedMessage[]> {
  let gathering: { handles: string[]; done: Promise<void> } | undefined;

  const removeAll = async (handles: readonly string[]): Promise<void> => {
    for (let at = 0; at < handles.length; at += BATCH) {
      const Entries = handles
        .slice(at, at + BATCH)
        .map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle }));
      try {
        const { Failed = [] } = await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
        if (Failed.length > 0)
          onFailure(new Error(`SQS did not delete ${Failed.length} messages: ${Failed[0]?.Code}`));
      } catch (error) {
        onFailure(error);
      }
    }
  };
  const remove = (handle: string): Promise<void> => {
    if (!gathering) {
      const handles: string[] = [];
      const done = new Promise(setImmediate).then(() => {
        gathering = undefined;
        return removeAll(handles);
      });
      gathering = { handles, done };
    }
    gathering.handles.push(handle);
    return gathering.done;
  };

  return async () => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: BATCH,
        WaitTimeSeconds: WAIT_SECONDS,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
    );
    return Messages.map((message) => ({ message, remove: () => remove(message.ReceiptHandle ?? '') }));
  };
}
