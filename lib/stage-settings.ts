import type { Node } from 'constructs';
import type { Domain, Stage } from './stages.ts';

/**
 * What differs between accounts more than between stages, and so may also be said at deployment, with `-c name=value`
 * or in `cdk.context.json`. Each goes before the stage's own.
 */
export type Settings = {
  alarmEmail?: string;
  domainName?: string;
  certificateArn?: string;
  hostedZoneId?: string;
  hostedZoneName?: string;
  /** `on` or `off` */
  firewall?: string;
  priceApiKeySecret?: string;
};

/**
 * The stage with the settings of the app's context.
 *
 * @throws Error when a setting is malformed, or lacks another that it needs
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
  const domain = domainOf(setting) ?? stage.domain;
  const firewall = setting('firewall');
  if (firewall !== undefined && firewall !== 'on' && firewall !== 'off') {
    throw new Error(`The setting firewall must be "on" or "off", not "${firewall}"`);
  }
  return {
    ...stage,
    alarms: { ...(email && { email }) },
    prices: { url: stage.prices.url, ...(apiKeySecret && { apiKeySecret }) },
    firewall: firewall === undefined ? stage.firewall : firewall === 'on',
    ...(domain && { domain }),
  };
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
