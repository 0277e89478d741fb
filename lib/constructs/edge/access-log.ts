import { ArnFormat, Stack } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import type { IAccessLogSettings } from 'aws-cdk-lib/aws-apigatewayv2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';
import { removalPolicyOf } from '../removal-policy.ts';

/**
 * What was called, when, from which address and with which outcome. Never the query string: it may carry a ticket.
 *
 * The client's address comes from `origin-check`, which believes the front door alone. `identity.sourceIp` is the neighbour of API
 * Gateway: CloudFront, or whoever goes around it and is refused.
 */
export function accessLog(
  scope: Construct,
  { stage, fields }: { stage: Stage; fields: readonly string[] },
): IAccessLogSettings {
  const logGroup = new LogGroup(scope, 'AccessLog', {
    retention: stage.logs.retention,
    ...removalPolicyOf(stage),
  });
  const line = Object.fromEntries(
    [
      'requestId',
      'requestTime',
      'routeKey',
      'status',
      'authorizer.clientAddress',
      'identity.sourceIp',
      'identity.userAgent',
      ...fields,
    ].map((field) => [field, `$context.${field}`]),
  );
  // Without the `:*` that CloudFormation's attribute ends in: API Gateway has refused it for WebSocket APIs.
  const destinationArn = Stack.of(scope).formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: logGroup.logGroupName,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  return {
    destination: { bind: () => ({ destinationArn }) },
    format: AccessLogFormat.custom(JSON.stringify(line)),
  };
}
