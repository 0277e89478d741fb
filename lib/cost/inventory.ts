import { entryOf } from '../functions.ts';
import { HOURS } from './bill.ts';
import { type Alarm, metricsOf, ownMetrics, publishedMetrics } from './metrics.ts';

/** A CloudFormation template. */
export type Template = { Resources: Record<string, Resource> };
export type Resource = { Type: string; Properties?: Record<string, unknown> };

/** A function that a rule calls at a fixed rate. */
export type Tick = { functionName: string; memoryMiB: number; everySeconds: number };

/** The resources of a stage that cost money even when nobody uses them, from its templates. */
export type Inventory = ReturnType<typeof inventoryOf>;

/** Resource types that cost nothing by existing: at most their use is billed. */
const FREE = new Set([
  'AWS::ApiGateway::Account',
  'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::ApiMapping',
  'AWS::ApiGatewayV2::DomainName',
  'AWS::ApiGatewayV2::Integration',
  'AWS::ApiGatewayV2::Route',
  'AWS::ApiGatewayV2::Stage',
  // The first two budgets of an account are free; a further one costs sixty cents a month.
  'AWS::Budgets::Budget',
  'AWS::CDK::Metadata',
  'AWS::CertificateManager::Certificate',
  'AWS::CloudFormation::CustomResource',
  'AWS::CloudFront::CachePolicy',
  'AWS::CloudFront::Function',
  'AWS::CloudFront::KeyValueStore',
  'AWS::CloudFront::OriginAccessControl',
  'AWS::CloudFront::OriginRequestPolicy',
  'AWS::CloudFront::ResponseHeadersPolicy',
  'AWS::EC2::EgressOnlyInternetGateway',
  'AWS::EC2::FlowLog',
  'AWS::EC2::InternetGateway',
  'AWS::EC2::Route',
  'AWS::EC2::RouteTable',
  'AWS::EC2::SecurityGroup',
  'AWS::EC2::SecurityGroupEgress',
  'AWS::EC2::SecurityGroupIngress',
  'AWS::EC2::Subnet',
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::VPC',
  'AWS::EC2::VPCGatewayAttachment',
  'AWS::Events::EventBus',
  'AWS::IAM::InstanceProfile',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::KMS::Alias',
  'AWS::Lambda::Alias',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::Function',
  'AWS::Lambda::LayerVersion',
  'AWS::Lambda::Permission',
  'AWS::Lambda::Version',
  'AWS::Logs::LogGroup',
  'AWS::Logs::QueryDefinition',
  'AWS::Logs::ResourcePolicy',
  'AWS::RDS::DBClusterParameterGroup',
  'AWS::RDS::DBSubnetGroup',
  'AWS::Route53::RecordSet',
  'AWS::S3::Bucket',
  'AWS::S3::BucketPolicy',
  'AWS::SES::ConfigurationSet',
  'AWS::SES::ConfigurationSetEventDestination',
  'AWS::SNS::Subscription',
  'AWS::SNS::Topic',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
  'AWS::SSM::Parameter',
  'AWS::SecretsManager::ResourcePolicy',
  'AWS::SecretsManager::RotationSchedule',
  'AWS::SecretsManager::SecretTargetAttachment',
]);

/** Resource types that the inventory below counts. */
const COUNTED = new Set([
  'AWS::ApiGatewayV2::Authorizer',
  'AWS::CloudFront::Distribution',
  'AWS::CloudWatch::Alarm',
  'AWS::CloudWatch::Dashboard',
  'AWS::EC2::EIP',
  'AWS::EC2::Instance',
  'AWS::EC2::NatGateway',
  'AWS::EC2::VPCEndpoint',
  'AWS::Events::Rule',
  'AWS::KMS::Key',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Logs::MetricFilter',
  'AWS::RDS::DBCluster',
  'AWS::RDS::DBInstance',
  'AWS::Route53::HostedZone',
  'AWS::SecretsManager::Secret',
  'AWS::WAFv2::WebACL',
]);

/**
 * Counts the resources in the templates of one stage that cost money.
 *
 * @throws for a resource without a known price: an unknown type of resource, of instance or of schedule
 */
export function inventoryOf(templates: readonly Template[]) {
  const all = templates.flatMap(({ Resources }) => Object.values(Resources));
  const unknown = new Set(all.map(({ Type }) => Type).filter((type) => !isFree(type) && !COUNTED.has(type)));
  if (unknown.size > 0) throw new Error(`lib/cost/ has no price for: ${[...unknown].join(', ')}`);

  const of = <Shape>(type: string) =>
    all.filter(({ Type }) => Type === type).map(({ Properties = {} }) => Properties as Shape);
  const count = (type: string) => of(type).length;
  const natInstances = of<{ InstanceType: string }>('AWS::EC2::Instance');
  for (const { InstanceType } of natInstances) {
    if (InstanceType !== 't4g.nano') throw new Error(`There is no price for an instance ${InstanceType}`);
  }
  const cluster = of<Cluster>('AWS::RDS::DBCluster').at(0);
  const retention = of<{ RetentionInDays?: number }>('AWS::Logs::LogGroup').map(
    (group) => group.RetentionInDays,
  );

  return {
    aurora: {
      minCapacity: cluster?.ServerlessV2ScalingConfiguration?.MinCapacity ?? 0,
      instances: count('AWS::RDS::DBInstance'),
      backupDays: cluster?.BackupRetentionPeriod ?? 1,
    },
    natInstances: natInstances.length,
    natGateways: count('AWS::EC2::NatGateway'),
    // The NAT instance gets its address from its subnet.
    publicIps: count('AWS::EC2::EIP') + natInstances.length,
    interfaceEndpoints: of<Endpoint>('AWS::EC2::VPCEndpoint')
      .filter((endpoint) => endpoint.VpcEndpointType === 'Interface')
      .flatMap(({ SubnetIds = [] }) => SubnetIds).length,
    // Includes the secret that RDS keeps for the owner of a cluster.
    secrets:
      count('AWS::SecretsManager::Secret') +
      of<Cluster>('AWS::RDS::DBCluster').filter(({ ManageMasterUserPassword }) => ManageMasterUserPassword)
        .length,
    kmsKeys: count('AWS::KMS::Key'),
    hostedZones: count('AWS::Route53::HostedZone'),
    /** One for each metric of an alarm. */
    alarms: of<Alarm>('AWS::CloudWatch::Alarm').flatMap(metricsOf).length,
    /** Our own metrics: metrics that functions publish, that an alarm or a dashboard reads, or that a filter makes of a log. */
    metrics: Math.max(ownMetrics(all), publishedMetrics(all)) + count('AWS::Logs::MetricFilter'),
    dashboards: count('AWS::CloudWatch::Dashboard'),
    /** Queues that Lambda polls for us, busy or not. */
    polledQueues: count('AWS::Lambda::EventSourceMapping'),
    ticks: templates.flatMap(ticksOf),
    /** True when functions send their traces to X-Ray. */
    traced: of<TracedFunction>('AWS::Lambda::Function').some((fn) => fn.TracingConfig?.Mode === 'Active'),
    logRetentionDays: Math.max(0, ...retention.map((days) => days ?? 3650)),
    /** Functions that API Gateway calls for each new connection, because it does not cache their answer. */
    connectionChecks: of<{ AuthorizerResultTtlInSeconds?: number }>('AWS::ApiGatewayV2::Authorizer').filter(
      (authorizer) => !authorizer.AuthorizerResultTtlInSeconds,
    ).length,
    /** True when requests come through CloudFront. */
    frontDoor: count('AWS::CloudFront::Distribution') > 0,
    /** True when connections run through a function of CloudFront. */
    frontDoorFunctions: count('AWS::CloudFront::Function') > 0,
    wafAcls: count('AWS::WAFv2::WebACL'),
    wafRules: of<{ Rules?: unknown[] }>('AWS::WAFv2::WebACL').flatMap(({ Rules = [] }) => Rules).length,
  };
}

type Cluster = {
  ManageMasterUserPassword?: boolean;
  BackupRetentionPeriod?: number;
  ServerlessV2ScalingConfiguration?: { MinCapacity: number };
};
type Endpoint = { VpcEndpointType?: string; SubnetIds?: unknown[] };
type TracedFunction = { TracingConfig?: { Mode: string } };

/** A custom resource is free too: it is a call during a deployment. */
const isFree = (type: string) => FREE.has(type) || type.startsWith('Custom::');

type Rule = {
  ScheduleExpression?: string;
  State?: string;
  Targets?: { Arn: { 'Fn::GetAtt'?: [string, string] } }[];
};

function ticksOf({ Resources }: Template): Tick[] {
  return Object.values(Resources).flatMap(({ Type, Properties }) => {
    const { ScheduleExpression, State, Targets = [] } = (Properties ?? {}) as Rule;
    if (Type !== 'AWS::Events::Rule' || !ScheduleExpression || State === 'DISABLED') return [];
    return Targets.flatMap(({ Arn }) => {
      const target = Resources[Arn['Fn::GetAtt']?.[0] ?? ''];
      if (target?.Type !== 'AWS::Lambda::Function') return [];
      const { FunctionName, MemorySize } = target.Properties as { FunctionName: string; MemorySize: number };
      const functionName = entryOf(FunctionName) ?? FunctionName;
      return [{ functionName, memoryMiB: MemorySize, everySeconds: intervalOf(ScheduleExpression) }];
    });
  });
}

const UNIT_SECONDS: Record<string, number> = { minute: 60, hour: 3600, day: 86_400 };

function intervalOf(expression: string): number {
  const [, amount, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const seconds = Number(amount) * (UNIT_SECONDS[unit ?? ''] ?? Number.NaN);
  if (Number.isNaN(seconds)) throw new Error(`The schedule expression ${expression} is not supported`);
  return seconds;
}

/** Returns how often an event happens in a month. */
export const perMonth = (everySeconds: number): number => (HOURS * 3600) / everySeconds;
