import { ACMClient, DescribeCertificateCommand } from '@aws-sdk/client-acm';
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { CloudFrontClient, paginateListDistributions } from '@aws-sdk/client-cloudfront';
import {
  DescribeAddressesCommand,
  DescribeAvailabilityZonesCommand,
  DescribeSubnetsCommand,
  EC2Client,
  paginateDescribeVpcs,
} from '@aws-sdk/client-ec2';
import { DescribeEventBusCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import {
  GetAccountSettingsCommand,
  GetFunctionConcurrencyCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import { DescribeDBEngineVersionsCommand, paginateDescribeDBClusters, RDSClient } from '@aws-sdk/client-rds';
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { ENGINE_VERSION } from '../constructs/database/database.ts';
import { FIREWALL_REGION } from '../constructs/edge/firewall-arn.ts';
import { FUNCTION_NAMES } from '../functions.ts';
import type { Stage } from '../stages.ts';
import { type Facts, type Known, QUOTAS, type QuotaName } from './facts.ts';

/** Error texts for a missing resource, in the words of each service. */
const ABSENT = /NotFound|does not exist|DoesNotExist/;

/**
 * Reads the facts of the account to which the environment's credentials belong. Makes reading calls only.
 *
 * @throws when there are no credentials
 */
export async function look(stage: Stage, region: string): Promise<Facts> {
  const { Account = '' } = await new STSClient({ region }).send(new GetCallerIdentityCommand({}));
  const stackNames = ['Data', 'App', 'Firewall'].map((name) => `Celeriac-${stage.name}-${name}`);
  const stacks = await known(() => statuses(region, stackNames));
  const isDeployed = 'value' in stacks && `Celeriac-${stage.name}-App` in stacks.value;
  const quotas = Object.entries(QUOTAS).map(async ([name, { service, code }]) => [
    name,
    await known(async () => ({
      limit: await quota(service === 'cloudfront' ? FIREWALL_REGION : region, service, code),
      used: await used[name as QuotaName](region),
    })),
  ]);
  const { certificateArn } = stage.domain ?? {};
  return {
    account: Account,
    region,
    stacks,
    bootstrap: { region: await bootstrapOf(region), firewallRegion: await bootstrapOf(FIREWALL_REGION) },
    concurrency: await known(() => concurrency(stage, region, isDeployed)),
    taken: isDeployed ? { value: [] } : await known(() => taken(stage, region)),
    quotas: Object.fromEntries(await Promise.all(quotas)),
    zones: await known(() => zones(region)),
    engineOffered: await known(() => isOffered(region)),
    ownKey: await known(() => hasOwnKey(stage, region)),
    ...(certificateArn && { certificate: await known(() => certificate(certificateArn)) }),
    ...(stage.prices.apiKeySecret && {
      priceSecret: await known(() => isSecret(region, stage.prices.apiKeySecret ?? '')),
    }),
    ...(stage.vpc && { subnets: await known(() => subnets(region, stage.vpc)) }),
  };
}

async function known<T>(ask: () => Promise<T>): Promise<Known<T>> {
  try {
    return { value: await ask() };
  } catch (error) {
    return { unknown: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

/** Returns the answer of a call. @returns undefined when the resource does not exist */
async function ifThere<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    const { name = '', message = '' } = error as Error;
    if (ABSENT.test(name) || ABSENT.test(message)) return undefined;
    throw error;
  }
}

function bootstrapOf(region: string): Promise<Known<number>> {
  const command = new GetParameterCommand({ Name: '/cdk-bootstrap/hnb659fds/version' });
  return known(async () => {
    const found = await ifThere(() => new SSMClient({ region }).send(command));
    return Number(found?.Parameter?.Value ?? 0);
  });
}

async function statuses(region: string, names: readonly string[]): Promise<Record<string, string>> {
  const client = new CloudFormationClient({ region });
  const found = await Promise.all(
    names.map(async (StackName) => {
      const answer = await ifThere(() => client.send(new DescribeStacksCommand({ StackName })));
      return answer?.Stacks?.map(({ StackStatus = '' }): [string, string] => [StackName, StackStatus]) ?? [];
    }),
  );
  return Object.fromEntries(found.flat());
}

/** Returns the functions with names of the stage, and the sandboxes that each reserves. */
async function functionsOf(stage: Stage, region: string): Promise<{ name: string; reserved: number }[]> {
  const client = new LambdaClient({ region });
  const found = await Promise.all(
    FUNCTION_NAMES.map(async (each) => {
      const name = `celeriac-${stage.name}-${each}`;
      const command = new GetFunctionConcurrencyCommand({ FunctionName: name });
      const answer = await ifThere(() => client.send(command));
      return answer ? [{ name, reserved: answer.ReservedConcurrentExecutions ?? 0 }] : [];
    }),
  );
  return found.flat();
}

async function concurrency(stage: Stage, region: string, isDeployed: boolean) {
  const { AccountLimit } = await new LambdaClient({ region }).send(new GetAccountSettingsCommand({}));
  const functions = isDeployed ? await functionsOf(stage, region) : [];
  const own = functions.reduce((sum, { reserved }) => sum + reserved, 0);
  const limit = AccountLimit?.ConcurrentExecutions ?? 0;
  return { limit, unreserved: AccountLimit?.UnreservedConcurrentExecutions ?? limit, own };
}

/** Returns the stage's names that exist although its stack does not exist. */
async function taken(stage: Stage, region: string): Promise<string[]> {
  const functions = await functionsOf(stage, region);
  const bus = await ifThere(() =>
    new EventBridgeClient({ region }).send(new DescribeEventBusCommand({ Name: `celeriac-${stage.name}` })),
  );
  return [
    ...functions.map(({ name }) => `The function ${name}`),
    ...(bus ? [`The event bus celeriac-${stage.name}`] : []),
  ];
}

async function quota(region: string, ServiceCode: string, QuotaCode: string): Promise<number> {
  const command = new GetServiceQuotaCommand({ ServiceCode, QuotaCode });
  const { Quota } = await new ServiceQuotasClient({ region }).send(command);
  if (Quota?.Value === undefined) throw new Error(`Service Quotas has no value for ${QuotaCode}`);
  return Quota.Value;
}

const used: Record<QuotaName, (region: string) => Promise<number>> = {
  vpcs: (region) =>
    counted(paginateDescribeVpcs({ client: new EC2Client({ region }) }, {}), ({ Vpcs }) => Vpcs),
  addresses: async (region) => {
    const { Addresses = [] } = await new EC2Client({ region }).send(new DescribeAddressesCommand({}));
    return Addresses.length;
  },
  clusters: (region) =>
    counted(
      paginateDescribeDBClusters({ client: new RDSClient({ region }) }, {}),
      ({ DBClusters }) => DBClusters,
    ),
  distributions: () =>
    counted(
      paginateListDistributions({ client: new CloudFrontClient({ region: FIREWALL_REGION }) }, {}),
      ({ DistributionList }) => DistributionList?.Items,
    ),
};

async function counted<Page>(
  pages: AsyncIterable<Page>,
  of: (page: Page) => unknown[] | undefined,
): Promise<number> {
  let count = 0;
  for await (const page of pages) count += of(page)?.length ?? 0;
  return count;
}

async function zones(region: string): Promise<number> {
  const command = new DescribeAvailabilityZonesCommand({
    Filters: [{ Name: 'zone-type', Values: ['availability-zone'] }],
  });
  const { AvailabilityZones = [] } = await new EC2Client({ region }).send(command);
  return AvailabilityZones.length;
}

async function isOffered(region: string): Promise<boolean> {
  const command = new DescribeDBEngineVersionsCommand({
    Engine: 'aurora-postgresql',
    EngineVersion: ENGINE_VERSION.auroraPostgresFullVersion,
  });
  const { DBEngineVersions = [] } = await new RDSClient({ region }).send(command);
  return DBEngineVersions.length > 0;
}

async function hasOwnKey(stage: Stage, region: string): Promise<boolean | undefined> {
  const command = new DescribeStackResourcesCommand({ StackName: `Celeriac-${stage.name}-Data` });
  const found = await ifThere(() => new CloudFormationClient({ region }).send(command));
  const types = (found?.StackResources ?? []).map(({ ResourceType }) => ResourceType);
  return types.includes('AWS::RDS::DBCluster') ? types.includes('AWS::KMS::Key') : undefined;
}

async function certificate(CertificateArn: string) {
  const command = new DescribeCertificateCommand({ CertificateArn });
  const { Certificate } = await new ACMClient({ region: FIREWALL_REGION }).send(command);
  return {
    status: Certificate?.Status ?? 'unknown',
    names: [Certificate?.DomainName ?? '', ...(Certificate?.SubjectAlternativeNames ?? [])],
  };
}

async function isSecret(region: string, SecretId: string): Promise<boolean> {
  const client = new SecretsManagerClient({ region });
  return (await ifThere(() => client.send(new DescribeSecretCommand({ SecretId })))) !== undefined;
}

async function subnets(region: string, vpc: Stage['vpc']) {
  const ids = [...(vpc?.functionSubnetIds ?? []), ...(vpc?.databaseSubnetIds ?? [])];
  const command = new DescribeSubnetsCommand({ Filters: [{ Name: 'subnet-id', Values: ids }] });
  const { Subnets = [] } = await new EC2Client({ region }).send(command);
  return Object.fromEntries(
    Subnets.map(({ SubnetId = '', VpcId = '', AvailabilityZone = '' }) => [
      SubnetId,
      { vpcId: VpcId, zone: AvailabilityZone },
    ]),
  );
}
