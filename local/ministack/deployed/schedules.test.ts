import { DescribeRuleCommand, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startProvider } from '../../../functions/prices/testing/provider.ts';
import { register, type User } from '../../end-to-end/client.ts';
import { type Aws, awsAt } from '../aws.ts';

/*
 * The deployed EventBridge rules on the emulator's clock, and the events that the functions publish on the deployed
 * bus.
 */

const { endpoint, url, databaseUrl, pricePort } = inject('system');

/** Time in which a rule with a rate of one minute has fired, also on a busy machine. */
const A_MINUTE = { timeout: 90_000, interval: 500 };

let aws: Aws;
let ada: User;
let provider: Awaited<ReturnType<typeof startProvider>>;

beforeAll(async () => {
  aws = awsAt(endpoint);
  provider = await startProvider(pricePort);
  ada = await register(url);
});

afterAll(async () => {
  await provider?.close();
});

const scheduleOf = async (Name: string) =>
  (await aws.events.send(new DescribeRuleCommand({ Name }))).ScheduleExpression;

test('the five-minute rule calls the price function, which asks the provider once and stores what is followed', async () => {
  // A tick is fetched once; an earlier attempt of this test may have fetched it.
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await sql`truncate price_fetches, price_ticks`;
  await sql.end();
  const before = provider.requests.length;
  const rule = await aws.ruleOf('celeriac-dev-prices');
  expect(await scheduleOf(rule)).toBe('rate(5 minutes)');
  // The same rule and target at the shortest possible rate. The emulator fires the tick.
  await aws.events.send(new PutRuleCommand({ Name: rule, ScheduleExpression: 'rate(1 minute)' }));
  await expect.poll(() => provider.requests.length, A_MINUTE).toBeGreaterThan(before);
  await aws.events.send(new PutRuleCommand({ Name: rule, ScheduleExpression: 'rate(5 minutes)' }));

  const [organization] = (await ada.ask('GET', '/api/organizations/')).body.results;
  const prices = async () =>
    (await ada.ask('GET', `/api/organizations/${organization.id}/prices/`)).body.results;
  await expect
    .poll(async () => (await prices()).map((price: { asset: string }) => price.asset), {
      timeout: 10_000,
    })
    .toEqual(['bitcoin', 'ethereum']);
  for (const { price } of await prices()) expect(price).toMatch(/^\d+(\.\d+)?$/);
  expect(provider.requests).toHaveLength(before + 1);
}, 120_000);

test('the minute rule calls the dispatcher, which sends what no request has sent a message for', async () => {
  expect(await scheduleOf(await aws.ruleOf('celeriac-dev-dispatcher'))).toBe('rate(1 minute)');
  // Due later than the deployment's dispatch look-ahead, so that the request sends no message.
  const due = Date.now() + 15_000;
  const id = await ada.create({ name: 'later', scheduled_time: new Date(due).toISOString() });
  const status = async () => (await ada.ask('GET', `/api/tasks/${id}/`)).body;
  await expect.poll(async () => (await status()).status, A_MINUTE).toBe('COMPLETED');
  expect(Date.parse((await status()).started_at)).toBeGreaterThanOrEqual(due);
}, 120_000);

test('a finished task is published on the deployed bus to a target with a rule', async () => {
  const { QueueUrl } = await aws.sqs.send(new CreateQueueCommand({ QueueName: 'integrator' }));
  const { Attributes } = await aws.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  const rule = { Name: 'integrator', EventBusName: 'celeriac-dev' };
  const pattern = { source: ['celeriac'], 'detail-type': ['task.finished'] };
  await aws.events.send(new PutRuleCommand({ ...rule, EventPattern: JSON.stringify(pattern) }));
  await aws.events.send(
    new PutTargetsCommand({
      Rule: rule.Name,
      EventBusName: rule.EventBusName,
      Targets: [{ Id: 'queue', Arn: Attributes?.QueueArn }],
    }),
  );
  const id = await ada.create({ name: 'told' });
  const heard: string[] = [];
  await expect
    .poll(
      async () => {
        const { Messages = [] } = await aws.sqs.send(
          new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
        );
        heard.push(...Messages.map(({ Body = '{}' }) => JSON.parse(Body).detail.subject));
        return heard;
      },
      { timeout: 30_000 },
    )
    .toContain(id);
});
