import { ArnFormat, Duration, Stack, Validations } from 'aws-cdk-lib';
import { type IVpc, Peer, Port, SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { FUNCTIONS, type FunctionName } from '../functions.ts';
import type { Stage } from '../stages.ts';
import { removalPolicyOf } from './removal-policy.ts';

export type CeleriacFunctionProps = {
  name: FunctionName;
  stage: Stage;
  vpc: IVpc;
  /** The directory with the bundled `index.mjs`. */
  directory: string;
  environment?: Record<string, string>;
};

/**
 * A Lambda function with a role and a log group of its own. The role may write the function's log and traces. A function
 * that uses the database is in the network, with a security group that allows HTTPS. Other constructs offer verbs that
 * grant more.
 */
export class CeleriacFunction extends lambda.Function {
  readonly entry: FunctionName;

  constructor(scope: Construct, id: string, props: CeleriacFunctionProps) {
    const { name, stage, vpc, directory, environment } = props;
    const { memoryMiB, timeoutSeconds, database } = FUNCTIONS[name];
    const functionName = `celeriac-${stage.name}-${name}`;
    const logGroup = new LogGroup(scope, `${id}Logs`, {
      retention: stage.logs.retention,
      ...removalPolicyOf(stage),
    });
    const role = new Role(scope, `${id}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      // Inline, because Lambda checks these rights when it creates the function.
      inlinePolicies: {
        log: mayLog(logGroup),
        ...(database && { network: mayJoinNetwork(scope, functionName) }),
      },
    });

    super(scope, id, {
      functionName,
      description: `Celeriac ${stage.name}: ${name}`,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      handler: 'index.handler',
      code: lambda.Code.fromAsset(directory),
      memorySize: memoryMiB,
      timeout: Duration.seconds(timeoutSeconds),
      ...bound(name, stage),
      ...(WAKES_ITSELF.includes(name) && { recursiveLoop: lambda.RecursiveLoop.ALLOW }),
      role,
      ...(database && placed(scope, id, vpc)),
      tracing: lambda.Tracing.ACTIVE,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: lambda.ApplicationLogLevel[stage.logs.level],
      environment: {
        STAGE: stage.name,
        POWERTOOLS_SERVICE_NAME: name,
        POWERTOOLS_LOG_LEVEL: stage.logs.level,
        NODE_OPTIONS: '--enable-source-maps',
        ...environment,
      },
    });
    this.entry = name;
    Validations.of(role).acknowledge(
      {
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: database
          ? 'X-Ray has no resources to name, and Lambda attaches interfaces whose ids nobody knows before; the code itself is denied the latter'
          : 'X-Ray has no resources to name',
      },
      { id: 'Serverless-LambdaStarPermissions', reason: 'As for AwsSolutions-IAM5' },
    );
    Validations.of(this).acknowledge({ id: 'Serverless-LambdaDLQ', reason: FAILURES_ARE_SEEN_BY[name] });
  }

  /** Lets the function open TCP connections to any public host, on any port. */
  allowInternet(): void {
    this.connections.allowToAnyIpv4(Port.allTcp(), 'Any host that a task names');
  }

  /**
   * Lets the function invoke itself asynchronously. Uses the name, because the ARN would make a cycle with the function's
   * own role.
   */
  allowSelfInvocation(): void {
    this.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [arnOf(this, this.physicalName)],
      }),
    );
  }
}

/**
 * Returns how long a deployment waits for the answer of a function that it calls: a minute longer than the function may
 * take. A caller that gives up first would call the function again while it still runs. The caller itself (CDK's trigger
 * provider) has 15 minutes.
 */
export const patienceWith = (name: FunctionName): Duration =>
  Duration.seconds(FUNCTIONS[name].timeoutSeconds + 60);

/**
 * Functions whose invocations cause further ones through a queue, in chains of any length: retries, the next task of a
 * lane, tasks that waited for others. Lambda would take a chain of 16 for a loop and stop it. Here, the rows bound each
 * chain, by attempts and tasks.
 */
const WAKES_ITSELF: readonly FunctionName[] = ['worker'];

const CALLER = 'Called and waited for: whoever calls it gets the error';
const QUEUE = 'Fed by a queue, which redelivers, and gives up into a dead-letter queue or at its retention';
const DESTINATION =
  'What fails asynchronously goes to the undelivered queue, with its cause, by a destination';

/** Reason why a function has no dead-letter queue of Lambda's own: the party that gets its failures. */
const FAILURES_ARE_SEEN_BY: Record<FunctionName, string> = {
  auth: CALLER,
  session: CALLER,
  api: CALLER,
  socket: DESTINATION,
  worker: QUEUE,
  'dead-letters': QUEUE,
  dispatcher: DESTINATION,
  prices: DESTINATION,
  'mail-events': DESTINATION,
  migrate: 'Called and waited for by the deployment, which fails with it',
  'origin-check': CALLER,
  'rotate-signing-key': DESTINATION,
  'publish-console': 'Called and waited for by the deployment, which fails with it',
};

/** Settings of a function that uses the database: its subnets and its security group. */
function placed(
  scope: Construct,
  id: string,
  vpc: IVpc,
): Pick<lambda.FunctionProps, 'vpc' | 'vpcSubnets' | 'securityGroups'> {
  const securityGroup = new SecurityGroup(scope, `${id}Network`, { vpc, allowAllOutbound: false });
  securityGroup.addEgressRule(Peer.anyIpv4(), Port.HTTPS, 'AWS APIs and the web');
  return {
    vpc,
    vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
    securityGroups: [securityGroup],
  };
}

/** Returns the maximum number of sandboxes. A function that is absent from the table is bounded by its event source. */
function bound(
  name: FunctionName,
  { concurrency, reservations }: Stage,
): Pick<lambda.FunctionProps, 'reservedConcurrentExecutions'> {
  const limits: Partial<Record<FunctionName, number>> = concurrency.functions;
  const limit = limits[name];
  return limit === undefined || !reservations ? {} : { reservedConcurrentExecutions: limit };
}

function mayLog(logGroup: LogGroup): PolicyDocument {
  return new PolicyDocument({
    statements: [
      new PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    ],
  });
}

/**
 * Allows the network interfaces of the function. Lambda creates them with the function's role, and their ids are not
 * known before. The denial takes the same rights from the code inside the function.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
 */
function mayJoinNetwork(scope: Construct, functionName: string): PolicyDocument {
  const actions = [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ];
  return new PolicyDocument({
    statements: [
      new PolicyStatement({ actions, resources: ['*'] }),
      new PolicyStatement({
        effect: Effect.DENY,
        actions,
        resources: ['*'],
        conditions: { ArnEquals: { 'lambda:SourceFunctionArn': [arnOf(scope, functionName)] } },
      }),
    ],
  });
}

function arnOf(scope: Construct, functionName: string): string {
  return Stack.of(scope).formatArn({
    service: 'lambda',
    resource: 'function',
    resourceName: functionName,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}
