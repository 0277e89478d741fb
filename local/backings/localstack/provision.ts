import {
  CreateEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateBucketCommand, PutBucketCorsCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { BucketSpec, Deployment, RuleSpec } from '../../template/deployment.ts';
import { ACCOUNT, REGION } from '../../template/physical.ts';

/** EventBridge's limit for the length of a rule's name. */
const MAX_RULE_NAME = 64;

/** Error names of a creation that fails because the resource exists. */
const EXISTS = new Set(['ResourceAlreadyExistsException', 'BucketAlreadyOwnedByYou', 'BucketAlreadyExists']);

/**
 * Creates the template's resources in an AWS emulator: queues with their attributes and redrive policies, buckets,
 * buses, and rules with their targets. Updates queues, buckets and rules that exist; removes nothing.
 *
 * Creates rules with a schedule disabled, because the runtime fires them itself: LocalStack checks its schedules about
 * once a minute and fires everything that is due within the next minute. That is early, and sometimes twice or not at
 * all.
 *
 * @param endpoint without a trailing slash
 */
export async function provision(
  endpoint: string,
  deployment: Pick<Deployment, 'queues' | 'buckets' | 'buses' | 'rules'>,
): Promise<void> {
  const configuration = {
    endpoint,
    region: REGION,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  };
  const sqs = new SQSClient(configuration);
  const events = new EventBridgeClient(configuration);
  const s3 = new S3Client({ ...configuration, forcePathStyle: true });
  try {
    await Promise.all(deployment.buckets.map((bucket) => makeBucket(s3, bucket)));
    const queues = [...deployment.queues, ...eventQueues(deployment.rules, endpoint)];
    // All queues must exist first, because a redrive policy names another queue.
    await Promise.all(queues.map(({ name }) => sqs.send(new CreateQueueCommand({ QueueName: name }))));
    await Promise.all(
      queues.map(({ url, attributes }) =>
        sqs.send(
          new SetQueueAttributesCommand({
            QueueUrl: url,
            Attributes: { RedrivePolicy: '', ...attributes },
          }),
        ),
      ),
    );
    await Promise.all(
      deployment.buses.map((Name) => unlessThere(events.send(new CreateEventBusCommand({ Name })))),
    );
    for (const rule of deployment.rules) await putRule(events, rule);
  } finally {
    for (const client of [sqs, events, s3]) client.destroy();
  }
}

/** A queue through which the emulator's buses reach a function. The functions run here and not in the emulator. */
export interface EventQueue {
  readonly name: string;
  readonly url: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** ARN of the function. */
  readonly targetArn: string;
}

/** Returns one queue for each function that is the target of a rule with a pattern. */
export function eventQueues(rules: readonly RuleSpec[], endpoint: string): EventQueue[] {
  const targets = rules.filter(({ pattern }) => pattern).flatMap((rule) => rule.targets);
  const functions = new Set(targets.map(({ arn }) => arn).filter(isFunction));
  return [...functions].map((targetArn) => {
    const name = eventQueueName(targetArn);
    return { name, url: `${endpoint}/${ACCOUNT}/${name}`, attributes: {}, targetArn };
  });
}

async function makeBucket(s3: S3Client, { name: Bucket, corsRules }: BucketSpec): Promise<void> {
  await unlessThere(s3.send(new CreateBucketCommand({ Bucket })));
  if (corsRules.length === 0) return;
  // The request names two fields differently from the template: `ExposeHeaders` and `MaxAgeSeconds`.
  const CORSRules = corsRules.map(
    ({ AllowedMethods, AllowedOrigins, AllowedHeaders, ExposedHeaders, MaxAge }) => ({
      AllowedMethods: [...AllowedMethods],
      AllowedOrigins: [...AllowedOrigins],
      AllowedHeaders: [...(AllowedHeaders ?? [])],
      ExposeHeaders: [...(ExposedHeaders ?? [])],
      MaxAgeSeconds: MaxAge,
    }),
  );
  await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }));
}

async function putRule(events: EventBridgeClient, rule: RuleSpec): Promise<void> {
  const name = rule.name.slice(-MAX_RULE_NAME);
  await events.send(
    new PutRuleCommand({
      Name: name,
      EventBusName: rule.bus,
      ...(rule.schedule ? { ScheduleExpression: rule.schedule, State: 'DISABLED' } : {}),
      ...(rule.pattern ? { EventPattern: JSON.stringify(rule.pattern), State: 'ENABLED' } : {}),
    }),
  );
  if (rule.targets.length === 0 || !rule.pattern) return;
  const answer = await events.send(
    new PutTargetsCommand({
      Rule: name,
      EventBusName: rule.bus,
      Targets: rule.targets.map(({ arn, input }, index) => ({
        Id: `Target${index}`,
        Arn: isFunction(arn) ? `arn:aws:sqs:${REGION}:${ACCOUNT}:${eventQueueName(arn)}` : arn,
        ...(input === undefined ? {} : { Input: input }),
      })),
    }),
  );
  // PutTargets answers 200 even when it refuses targets.
  const [failed] = answer.FailedEntries ?? [];
  if (failed) throw new Error(`rule ${name} cannot have target ${failed.TargetId}: ${failed.ErrorMessage}`);
}

const isFunction = (arn: string) => arn.startsWith('arn:aws:lambda:');
const eventQueueName = (functionArn: string) => `${functionArn.split(':').at(-1)}-events`;

async function unlessThere(creating: Promise<unknown>): Promise<void> {
  try {
    await creating;
  } catch (error) {
    if (!(error instanceof Error && EXISTS.has(error.name))) throw error;
  }
}
