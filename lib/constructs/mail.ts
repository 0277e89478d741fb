import { ArnFormat, Duration, Stack, Validations } from 'aws-cdk-lib';
import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { ConfigurationSet, EmailSendingEvent, EventDestination } from 'aws-cdk-lib/aws-ses';
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import type { AsyncDeadLetters } from './async-dead-letters.ts';
import type { CeleriacFunction } from './function.ts';

/** Time for which EventBridge and Lambda try to deliver a report. A lost one costs a further mail to a dead address. */
const REPORT_AGE = Duration.hours(6);

/** Sending by SES, and the reports about what was sent: bounces and complaints. */
export class Mail extends Construct {
  private readonly stage: Stage;
  private readonly setName: string;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    this.stage = stage;
    this.setName = `celeriac-${stage.name}`;
    const set = new ConfigurationSet(this, 'Set', { configurationSetName: this.setName });
    set.addEventDestination('Reports', {
      // SES publishes to no other bus than the default one.
      destination: EventDestination.eventBus(EventBus.fromEventBusName(this, 'DefaultBus', 'default')),
      events: [EmailSendingEvent.BOUNCE, EmailSendingEvent.COMPLAINT],
    });
  }

  /** Lets `fn` send mail from the senders of the stage, and from nothing else. */
  grantSend(fn: CeleriacFunction): void {
    const { senders, smtpUrlSecret = '' } = this.stage.mail;
    fn.addEnvironment('MAIL_CONFIGURATION_SET', this.setName);
    // A server with its login in the environment is only for development. A deployment has the name of a secret, or none.
    fn.addEnvironment('SMTP_URL', '');
    fn.addEnvironment('SMTP_URL_SECRET', smtpUrlSecret);
    if (smtpUrlSecret !== '') {
      Secret.fromSecretNameV2(this, 'SmtpUrl', smtpUrlSecret).grantRead(fn);
      return;
    }
    if (senders.length > 0) {
      fn.addToRolePolicy(
        new PolicyStatement({
          // SES demands the second right for a mail that is MIME already.
          actions: ['ses:SendEmail', 'ses:SendRawEmail'],
          resources: [
            ...senders.map((sender) => this.arnOf('identity', sender)),
            this.arnOf('configuration-set', this.setName),
          ],
        }),
      );
    }
    fn.addToRolePolicy(new PolicyStatement({ actions: ['ses:GetAccount'], resources: ['*'] }));
    Validations.of(fn.role ?? fn).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason:
        'The rate of an account has no resource to name; X-Ray and the network interfaces as for every function',
    });
  }

  /** Calls `fn` with each report about a mail of this stage. */
  reportTo(fn: CeleriacFunction, undelivered: AsyncDeadLetters): void {
    const target = new LambdaFunction(fn, {
      maxEventAge: REPORT_AGE,
      retryAttempts: 100,
      deadLetterQueue: undelivered.queue,
    });
    new Rule(this, 'Rule', {
      eventPattern: {
        source: ['aws.ses'],
        detailType: ['Email Bounced', 'Email Complaint Received'],
        detail: { mail: { tags: { 'ses:configuration-set': [this.setName] } } },
      },
      targets: [target],
    });
    undelivered.catchFrom(fn, { maxAge: REPORT_AGE });
  }

  private arnOf(resource: string, resourceName: string): string {
    return Stack.of(this).formatArn({
      service: 'ses',
      resource,
      resourceName,
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
  }
}
