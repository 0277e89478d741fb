import type { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import type { AsyncDeadLetters } from './async-dead-letters.ts';
import type { CeleriacFunction } from './function.ts';

/** Calls functions at a fixed rate. A tick may come twice or late, so use the event's time to tell ticks apart. */
export class Schedules extends Construct {
  private readonly undelivered: AsyncDeadLetters;

  constructor(scope: Construct, id: string, { undelivered }: { undelivered: AsyncDeadLetters }) {
    super(scope, id);
    this.undelivered = undelivered;
  }

  /** Calls `fn` at this rate. A tick that is older than `rate` is given up: the next tick does its work. */
  every(rate: Duration, fn: CeleriacFunction): void {
    const target = new LambdaFunction(fn, {
      maxEventAge: rate,
      retryAttempts: 2,
      deadLetterQueue: this.undelivered.queue,
    });
    new Rule(this, fn.node.id, { schedule: Schedule.rate(rate), targets: [target] });
    this.undelivered.catchFrom(fn, { maxAge: rate });
  }
}
