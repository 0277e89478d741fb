import { Duration, Validations } from 'aws-cdk-lib';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { CeleriacFunction } from './function.ts';

/** Dead letters of ticks and of asynchronous calls that failed. An alarm reports them, and a person inspects them. */
export class AsyncDeadLetters extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    const reason = 'It is itself where dead letters end up: of rules, and of asynchronous calls';
    Validations.of(this.queue).acknowledge(
      { id: 'AwsSolutions-SQS3', reason },
      { id: 'Serverless-SQSRedrivePolicy', reason },
    );
  }

  /** Keeps the asynchronous calls of `fn` that failed twice, or that found no sandbox within `maxAge`. */
  catchFrom(fn: CeleriacFunction, { maxAge }: { maxAge: Duration }): void {
    fn.configureAsyncInvoke({
      maxEventAge: maxAge,
      retryAttempts: 1,
      onFailure: new SqsDestination(this.queue),
    });
  }
}
