import type { Node } from 'constructs';
import type { Domain, Stage } from './stages.ts';

/**
 * Settings that differ between accounts rather than between stages. They can be set at deployment, with `-c name=value`
 * or in `cdk.context.json`, and take precedence over the stage's own values.
 */
export type Settings = {
  alarmEmail?: string;
  domainName?: string;
  certificateArn?: string;
  hostedZoneId?: string;
  hostedZoneName?: string;
  /** `on` or `off` */
  firewall?: string;
  /** Requests per minute from one address before the firewall refuses the address. */
  firewallRequestsPerMinute?: string;
  priceApiKeySecret?: string;
  /** Verified identities of SES, separated by commas: addresses and domains that tasks may send mail from. */
  mailSenders?: string;
  smtpUrlSecret?: string;
  /** `on` or `off`: a key of the stage's own for its data. Decide before there are data. */
  ownKey?: string;
  /** US dollars per month for the whole account. `alarmEmail` gets mail when they are spent, or are forecast to be spent. */
  monthlyBudget?: string;
  /**
   * `on` or `off`: reserved concurrency. Use `off` for an account whose quota is too small. Nothing then guards the
   * database's connections.
   */
  reservations?: string;
  /** An existing network to use instead of a new one, with at least two subnets of each kind, separated by commas. */
  vpcId?: string;
  functionSubnetIds?: string;
  databaseSubnetIds?: string;
};

/**
 * Returns the stage with the settings of the app's context.
 *
 * @throws Error when a setting is malformed, or lacks another setting that it needs
 */
export function withSettings(stage: Stage, node: Node): Stage {
  const setting = (name: keyof Settings): string | undefined => {
    const value: unknown = node.tryGetContext(name);
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'string') return value;
    throw new Error(`The setting ${name} must be a text`);
  };
  const email = setting('alarmEmail') ?? stage.alarms.email;
  const apiKeySecret = setting('priceApiKeySecret') ?? stage.prices.apiKeySecret;
  const senders = sendersOf(setting) ?? stage.mail.senders;
  const smtpUrlSecret = setting('smtpUrlSecret') ?? stage.mail.smtpUrlSecret;
  const domain = domainOf(setting) ?? stage.domain;
  const firewall = onOrOff('firewall', setting);
  const monthlyBudget =
    wholeNumber('monthlyBudget', setting, { atLeast: 1, atMost: 1_000_000 }) ?? stage.monthlyBudget;
  if (monthlyBudget !== undefined && !email) {
    throw new Error('The setting monthlyBudget needs the setting alarmEmail, which hears of it');
  }
  const vpc = vpcOf(setting) ?? stage.vpc;
  const requestsPerMinute = wholeNumber('firewallRequestsPerMinute', setting, {
    atLeast: 10,
    atMost: 100_000_000,
  });
  return {
    ...stage,
    alarms: { ...(email && { email }) },
    mail: { senders, ...(smtpUrlSecret && { smtpUrlSecret }) },
    prices: { url: stage.prices.url, ...(apiKeySecret && { apiKeySecret }) },
    firewall: {
      ...stage.firewall,
      ...(firewall !== undefined && { on: firewall }),
      ...(requestsPerMinute !== undefined && { requestsPerMinute }),
    },
    ...(domain && { domain }),
    ...(monthlyBudget !== undefined && { monthlyBudget }),
    ...(vpc && { vpc }),
    ownKey: onOrOff('ownKey', setting) ?? stage.ownKey,
    reservations: onOrOff('reservations', setting) ?? stage.reservations,
  };
}

/** An address or a domain, as SES writes identities: in lower case and ASCII. */
const SENDER = /^(?:[a-z0-9!#$%&'*+/=?^_`{|}~.-]+@)?(?:[a-z0-9-]+\.)+[a-z0-9-]+$/;

function sendersOf(setting: (name: keyof Settings) => string | undefined): readonly string[] | undefined {
  const senders = setting('mailSenders')
    ?.split(',')
    .map((each) => each.trim());
  const wrong = senders?.find((sender) => !SENDER.test(sender));
  if (wrong === undefined) return senders;
  throw new Error(
    `The setting mailSenders must be addresses and domains in lower case and ASCII, separated by commas, not "${wrong}"`,
  );
}

/** Reads a setting that is on or off. @throws Error when the setting is neither */
function onOrOff(
  name: keyof Settings,
  setting: (name: keyof Settings) => string | undefined,
): boolean | undefined {
  const text = setting(name);
  if (text === undefined) return undefined;
  if (text === 'on' || text === 'off') return text === 'on';
  throw new Error(`The setting ${name} must be "on" or "off", not "${text}"`);
}

function vpcOf(setting: (name: keyof Settings) => string | undefined): Stage['vpc'] {
  const id = setting('vpcId');
  const [functions, database] = (['functionSubnetIds', 'databaseSubnetIds'] as const).map((name) => {
    const ids = setting(name)
      ?.split(',')
      .map((each) => each.trim());
    if ((ids === undefined) !== (id === undefined)) {
      throw new Error(
        'An existing network needs three settings: vpcId, functionSubnetIds and databaseSubnetIds',
      );
    }
    if (ids && (ids.length < 2 || !ids.every((each) => /^subnet-[0-9a-f]+$/.test(each)))) {
      throw new Error(`The setting ${name} must be two or more ids of subnets, separated by commas`);
    }
    return ids ?? [];
  });
  return id && functions && database
    ? { id, functionSubnetIds: functions, databaseSubnetIds: database }
    : undefined;
}

/** Reads a setting that is a number. @throws Error when the setting is no whole number within the bounds */
function wholeNumber(
  name: keyof Settings,
  setting: (name: keyof Settings) => string | undefined,
  { atLeast, atMost }: { atLeast: number; atMost: number },
): number | undefined {
  const text = setting(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= atLeast && value <= atMost) return value;
  throw new Error(`The setting ${name} must be a whole number from ${atLeast} to ${atMost}, not "${text}"`);
}

function domainOf(setting: (name: keyof Settings) => string | undefined): Domain | undefined {
  const [name, certificateArn] = [setting('domainName'), setting('certificateArn')];
  const [id, zone] = [setting('hostedZoneId'), setting('hostedZoneName')];
  if (name === undefined && certificateArn === undefined) return undefined;
  if (name === undefined || certificateArn === undefined) {
    throw new Error('A domain needs both settings: domainName and certificateArn');
  }
  if (!/^arn:[^:]+:acm:us-east-1:/.test(certificateArn)) {
    throw new Error('certificateArn must be of a certificate in us-east-1, where CloudFront looks for it');
  }
  if ((id === undefined) !== (zone === undefined)) {
    throw new Error('A hosted zone needs both settings: hostedZoneId and hostedZoneName');
  }
  return { name, certificateArn, ...(id && zone && { hostedZone: { id, name: zone } }) };
}
