import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { type IAccessLogSettings, LogGroupLogDestination } from 'aws-cdk-lib/aws-apigatewayv2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import { fateOf } from './fate.ts';

/** Who called what, when and with which outcome. Never the query string: it may carry a ticket. */
export function accessLog(
  scope: Construct,
  { stage, fields }: { stage: Stage; fields: readonly string[] },
): IAccessLogSettings {
  const logGroup = new LogGroup(scope, 'AccessLog', { retention: stage.logs.retention, ...fateOf(stage) });
  const line = Object.fromEntries(
    [
      'requestId',
      'requestTime',
      'routeKey',
      'status',
      'identity.sourceIp',
      'identity.userAgent',
      ...fields,
    ].map((field) => [field, `$context.${field}`]),
  );
  return {
    destination: new LogGroupLogDestination(logGroup),
    format: AccessLogFormat.custom(JSON.stringify(line)),
  };
}
