import { Duration, Validations } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { FUNCTIONS, type FunctionName } from '../functions.ts';
import type { Stage } from '../stages.ts';
import type { CeleriacFunction } from './function.ts';

/** Receives before a message counts as poison. Enough that throttled or killed readers do not use them all up. */
const MAX_RECEIVES = 5;

/** Messages per invocation, for queues with few tasks per message. */
const BATCH = 10;

/**
 * The two queues that wake the worker, and the dead letters of both. There are two queues so that a click never waits
 * behind a bulk load. Messages are only wake-ups: the rows hold the tasks.
 */
export class TaskQueues extends Construct {
  readonly interactive: Queue;
  readonly bulk: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.deadLetters = this.queue('DeadLetters', 'dead-letters', { retentionPeriod: Duration.days(14) });
    Validations.of(this.deadLetters).acknowledge({
      id: 'Serverless-SQSRedrivePolicy',
      reason: 'It is the dead-letter queue',
    });
    const deadLetterQueue = { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES };
    this.interactive = this.queue('Interactive', 'worker', { deadLetterQueue });
    this.bulk = this.queue('Bulk', 'worker', { deadLetterQueue });
  }

  /** Lets `fn` send to both queues, and sets its variables with the queues and the dispatch times. */
  grantSend(fn: CeleriacFunction, { dispatch }: Stage): void {
    for (const queue of [this.interactive, this.bulk]) queue.grantSendMessages(fn);
    fn.addEnvironment('INTERACTIVE_QUEUE_URL', this.interactive.queueUrl);
    fn.addEnvironment('BULK_QUEUE_URL', this.bulk.queueUrl);
    fn.addEnvironment('DISPATCH_LOOKAHEAD_SECONDS', String(dispatch.lookaheadSeconds));
    fn.addEnvironment('DISPATCH_RESEND_SECONDS', String(dispatch.resendSeconds));
  }

  /** Delivers both queues to `worker`, each with a concurrency of its own, and the dead letters to `recorder`. */
  deliverTo(
    { worker, recorder }: { worker: CeleriacFunction; recorder: CeleriacFunction },
    concurrency: Stage['concurrency']['queues'],
  ): void {
    feed(this.interactive, worker, { maxConcurrency: concurrency.interactive, batchSize: BATCH });
    // One message at a time: it holds up to a hundred tasks, and one of several messages would wait for the tasks of all
    // of them.
    feed(this.bulk, worker, { maxConcurrency: concurrency.bulk, batchSize: 1 });
    feed(this.deadLetters, recorder, { maxConcurrency: concurrency.deadLetters, batchSize: BATCH });
  }

  private queue(id: string, reader: FunctionName, props: ConstructorParameters<typeof Queue>[2]): Queue {
    return new Queue(this, id, {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // Six times the reader's timeout, as Lambda recommends: a batch that is throttled or retried stays hidden.
      visibilityTimeout: Duration.seconds(6 * FUNCTIONS[reader].timeoutSeconds),
      retentionPeriod: Duration.days(4),
      ...props,
    });
  }
}

/** Delivers up to `batchSize` messages at once, without waiting for more. A failed message returns to the queue alone. */
function feed(
  queue: Queue,
  fn: CeleriacFunction,
  { maxConcurrency, batchSize }: { maxConcurrency: number; batchSize: number },
): void {
  fn.addEventSource(new SqsEventSource(queue, { batchSize, reportBatchItemFailures: true, maxConcurrency }));
  Validations.of(fn).acknowledge({
    id: 'Serverless-LambdaEventSourceMappingDestination',
    reason: 'A mapping of SQS has none: messages that fail go where the queue redrives them',
  });
}
