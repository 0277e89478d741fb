import { Stack, type StackProps } from 'aws-cdk-lib';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { CfnWebACL } from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import type { Stage } from './stages.ts';

/** Where CloudFront's firewalls live, whatever the region of everything else. */
export const FIREWALL_REGION = 'us-east-1';

/** Requests of one address in five minutes, before it is refused for a while. */
const REQUESTS_PER_ADDRESS = 2_000;

/** Rules that AWS keeps. None of them may look at bodies for scripts or SQL: a task's payload may be anything. */
const MANAGED_RULES = ['AWSManagedRulesAmazonIpReputationList', 'AWSManagedRulesKnownBadInputsRuleSet'];

/** The parameter by which the other region's stack finds the firewall. */
export const firewallParameter = (stage: Stage) => `/celeriac/${stage.name}/firewall`;

/** The firewall before the front door. */
export class FirewallStack extends Stack {
  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: Stage }) {
    super(scope, id, { ...props, env: { region: FIREWALL_REGION } });
    const seen = (metricName: string) => ({
      cloudWatchMetricsEnabled: true,
      sampledRequestsEnabled: true,
      metricName: `celeriac-${stage.name}-${metricName}`,
    });
    const webAcl = new CfnWebACL(this, 'Firewall', {
      scope: 'CLOUDFRONT',
      defaultAction: { allow: {} },
      visibilityConfig: seen('firewall'),
      rules: [
        {
          name: 'too-many-requests',
          priority: 0,
          action: { block: { customResponse: { responseCode: 429 } } },
          statement: { rateBasedStatement: { limit: REQUESTS_PER_ADDRESS, aggregateKeyType: 'IP' } },
          visibilityConfig: seen('too-many-requests'),
        },
        ...MANAGED_RULES.map((name, index) => ({
          name,
          priority: index + 1,
          overrideAction: { none: {} },
          statement: { managedRuleGroupStatement: { vendorName: 'AWS', name } },
          visibilityConfig: seen(name),
        })),
      ],
    });
    new StringParameter(this, 'Parameter', {
      parameterName: firewallParameter(stage),
      stringValue: webAcl.attrArn,
    });
  }
}
