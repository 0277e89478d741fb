import { Arn, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';
import { acknowledgeCaller } from '../sdk-caller.ts';

/** The region of CloudFront's firewalls, whatever the region of the other resources. */
export const FIREWALL_REGION = 'us-east-1';

/** Returns the name of the parameter that holds the firewall's ARN. */
export const firewallParameter = (stage: Stage) => `/celeriac/${stage.name}/firewall`;

/**
 * Reads the ARN of the firewall in its own region, at deployment. Uses a parameter, because CloudFormation has no exports
 * across regions, and the library's own references need a region that is known at synthesis.
 */
export class FirewallArn extends Construct {
  readonly value: string;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    const parameter = firewallParameter(stage);
    const reader = new AwsCustomResource(this, 'Read', {
      onUpdate: {
        service: 'ssm',
        action: 'GetParameter',
        region: FIREWALL_REGION,
        parameters: { Name: parameter },
        physicalResourceId: PhysicalResourceId.of(parameter),
      },
      installLatestAwsSdk: false,
      policy: AwsCustomResourcePolicy.fromStatements([
        new PolicyStatement({
          actions: ['ssm:GetParameter'],
          resources: [
            Arn.format(
              {
                service: 'ssm',
                region: FIREWALL_REGION,
                resource: 'parameter',
                resourceName: parameter.slice(1),
              },
              Stack.of(this),
            ),
          ],
        }),
      ]),
    });
    acknowledgeCaller(this, reader);
    this.value = reader.getResponseField('Parameter.Value');
  }
}
