import { ArnFormat, Stack } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import type { IAccessLogSettings } from 'aws-cdk-lib/aws-apigatewayv2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';
import { removalPolicyOf } from '../removal-policy.ts';

/**
 * Logs each request or event: what was called, when, from which address and with which outcome. Never logs the query
 * string, because it may contain a ticket.
 *
 * The client's address comes from `origin-check`, which trusts only the front door. `identity.sourceIp` is the direct
 * peer of API Gateway: CloudFront, or a client that bypasses CloudFront and is refused.
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
  // The ARN without the `:*` at the end of CloudFormation's attribute: API Gateway has refused it for WebSocket APIs.
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
