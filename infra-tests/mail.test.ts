import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { FUNCTION_NAMES } from '../lib/functions.ts';
import {
  allowed,
  functionsOf,
  listed,
  STAGE_NAMES,
  statementsOf,
  synthesize,
  synthesized,
  temporary,
} from './testing/synthesized.ts';

const SENDING = /^ses:/;

describe.each(STAGE_NAMES)('mail in %s', (stage) => {
  const { app } = synthesized(stage);
  const withSenders = synthesize(stage, temporary(`mail-${stage}`), {
    mailSenders: 'example.com, ada@example.org',
  });
  const worker = statementsOf(withSenders, 'worker').filter(({ Action }) =>
    listed<string>(Action).some((action) => SENDING.test(action)),
  );

  test('is sent by the worker alone', () => {
    for (const name of FUNCTION_NAMES) {
      const actions = statementsOf(withSenders, name).flatMap(({ Action }) => listed<string>(Action));
      expect([name, actions.some((action) => SENDING.test(action))]).toEqual([name, name === 'worker']);
    }
  });

  test('is sent from exactly the configured senders, with the configuration set of the stage', () => {
    const sending = worker.filter(({ Action }) => listed<string>(Action).includes('ses:SendEmail'));
    const resources = sending
      .flatMap(({ Resource }) => listed<unknown>(Resource))
      .map((each) => JSON.stringify(each));
    expect(
      resources.map((each) => /:(identity\/[^"]*|configuration-set\/[^"]*)"/.exec(each)?.[1]).toSorted(),
    ).toEqual([`configuration-set/celeriac-${stage}`, 'identity/ada@example.org', 'identity/example.com']);
    for (const resource of resources) expect(resource).not.toContain('*');
  });

  test('cannot be sent where no sender is configured', () => {
    expect(allowed(synthesized(stage), 'ses:SendEmail')).toEqual([]);
  });

  test('the table of senders gets the same list as the rights', () => {
    const { Variables } = functionsOf(withSenders).migrate.resource.Properties.Environment;
    expect(Variables.MAIL_SENDERS).toBe('example.com,ada@example.org');
  });

  test('goes to the server in the secret where one is named, and then needs no right of SES', () => {
    const bySmtp = synthesize(stage, temporary(`smtp-${stage}`), {
      mailSenders: 'example.com',
      smtpUrlSecret: 'smtp',
    });
    const { Variables } = functionsOf(bySmtp).worker.resource.Properties.Environment;
    expect([Variables.SMTP_URL, Variables.SMTP_URL_SECRET]).toEqual(['', 'smtp']);
    expect(allowed(bySmtp, 'secretsmanager:GetSecretValue', ':secret:smtp-')).toEqual(['worker']);
    expect(allowed(bySmtp, 'ses:SendEmail')).toEqual([]);
  });

  test('bounces and complaints are published, and reach mail-events, or else the undelivered queue', () => {
    app.hasResourceProperties('AWS::SES::ConfigurationSet', { Name: `celeriac-${stage}` });
    app.hasResourceProperties('AWS::SES::ConfigurationSetEventDestination', {
      EventDestination: {
        Enabled: true,
        MatchingEventTypes: ['bounce', 'complaint'],
        EventBridgeDestination: Match.anyValue(),
      },
    });
    const functions = functionsOf(synthesized(stage));
    app.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: Match.absent(),
      EventPattern: {
        source: ['aws.ses'],
        'detail-type': ['Email Bounced', 'Email Complaint Received'],
        detail: { mail: { tags: { 'ses:configuration-set': [`celeriac-${stage}`] } } },
      },
      Targets: [
        Match.objectLike({
          Arn: { 'Fn::GetAtt': [functions['mail-events'].id, 'Arn'] },
          DeadLetterConfig: Match.anyValue(),
        }),
      ],
    });
  });
});
