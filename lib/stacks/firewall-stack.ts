import { Stack, type StackProps } from 'aws-cdk-lib';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { CfnWebACL } from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import { FIREWALL_REGION, firewallParameter } from '../constructs/edge/firewall-arn.ts';
import type { Stage } from '../stages.ts';

/** Requests that cost an attacker nothing, but cost a slow hash: registrations, logins and new tokens. */
const LOGINS = '^/api/(auth/(login|register)|token)/?$';

/**
 * Rules that AWS maintains. A rule that inspects bodies only counts, because the payload of a task may contain anything.
 *
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
 */
const MANAGED_RULES: Readonly<Record<string, { counting: readonly string[] }>> = {
  AWSManagedRulesAmazonIpReputationList: { counting: [] },
  AWSManagedRulesKnownBadInputsRuleSet: {
    counting: ['JavaDeserializationRCE_BODY', 'Log4JRCE_BODY', 'ReactJSRCE_BODY'],
  },
};

const TOO_MANY = { block: { customResponse: { responseCode: 429 } } };

/** The firewall in front of the front door. */
export class FirewallStack extends Stack {
  constructor(scope: Construct, id: string, { stage, ...props }: StackProps & { stage: Stage }) {
    super(scope, id, { ...props, env: { region: FIREWALL_REGION } });
    const seen = (metricName: string) => ({
      cloudWatchMetricsEnabled: true,
      sampledRequestsEnabled: true,
      metricName: `celeriac-${stage.name}-${metricName}`,
    });
    const { requestsPerMinute, loginsPerFiveMinutes } = stage.firewall;
    const webAcl = new CfnWebACL(this, 'Firewall', {
      scope: 'CLOUDFRONT',
      defaultAction: { allow: {} },
      visibilityConfig: seen('firewall'),
      rules: [
        {
          name: 'too-many-requests',
          priority: 0,
          action: TOO_MANY,
          statement: {
            rateBasedStatement: {
              limit: requestsPerMinute,
              evaluationWindowSec: 60,
              aggregateKeyType: 'IP',
            },
          },
          visibilityConfig: seen('too-many-requests'),
        },
        {
          name: 'too-many-logins',
          priority: 1,
          action: TOO_MANY,
          statement: {
            rateBasedStatement: {
              limit: loginsPerFiveMinutes,
              evaluationWindowSec: 300,
              aggregateKeyType: 'IP',
              scopeDownStatement: {
                regexMatchStatement: {
                  regexString: LOGINS,
                  fieldToMatch: { uriPath: {} },
                  // API Gateway decodes a path before it chooses a route.
                  textTransformations: [
                    { priority: 0, type: 'URL_DECODE' },
                    { priority: 1, type: 'NORMALIZE_PATH' },
                  ],
                },
              },
            },
          },
          visibilityConfig: seen('too-many-logins'),
        },
        ...Object.entries(MANAGED_RULES).map(([name, { counting }], index) => ({
          name,
          priority: index + 2,
          overrideAction: { none: {} },
          statement: {
            managedRuleGroupStatement: {
              vendorName: 'AWS',
              name,
              ruleActionOverrides: counting.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
            },
          },
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
