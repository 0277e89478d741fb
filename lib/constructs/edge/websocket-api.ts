import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { CfnAccount } from 'aws-cdk-lib/aws-apigateway';
import { type CfnApi, WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { type IMetric, Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';
import type { CeleriacFunction } from '../function.ts';
import { accessLog } from './access-log.ts';
import { ADDRESS_HEADER, ORIGIN_HEADER } from './origin-secret.ts';

const ROUTES = ['$connect', '$disconnect', '$default'] as const;

/** The WebSocket API. Clients can connect only to its stage's path, so the front door rewrites `/ws/tasks/<id>/` to `/ws`. */
export class SocketEndpoint extends Construct {
  /** `wss://…/ws`, to which clients connect. */
  readonly url: string;
  private readonly api: WebSocketApi;
  private readonly stage: WebSocketStage;

  constructor(scope: Construct, id: string, { stage }: { stage: Stage }) {
    super(scope, id);
    this.api = new WebSocketApi(this, 'Api', {
      apiName: `celeriac-${stage.name}-socket`,
      routeSelectionExpression: '$request.body.action',
    });
    this.stage = new WebSocketStage(this, 'Stage', {
      webSocketApi: this.api,
      stageName: 'ws',
      autoDeploy: true,
      throttle: stage.throttle.socket,
      accessLogSettings: accessLog(this, { stage, fields: ['eventType', 'connectionId', 'error.message'] }),
    });
    const account = accountMayLog(this);
    // An account that never had an API refuses this setting until an API exists.
    account.node.addDependency(this.api);
    this.stage.node.addDependency(account);
    this.url = this.stage.url;
  }

  /** Sends every event of every connection to `fn`. Accepts only connections with the front door's headers. */
  routeTo(fn: CeleriacFunction, originCheck: CeleriacFunction): void {
    const authorizer = new WebSocketLambdaAuthorizer('FrontDoorOnly', originCheck, {
      identitySource: [ORIGIN_HEADER, ADDRESS_HEADER].map((name) => `route.request.header.${name}`),
    });
    for (const route of ROUTES) {
      const isConnect = route === '$connect';
      const added = this.api.addRoute(route, {
        integration: new WebSocketLambdaIntegration(route.slice(1), fn),
        ...(isConnect && { authorizer }),
      });
      if (isConnect) continue;
      Validations.of(added).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason:
          'A connection is authorized once, when it is made: API Gateway takes an authorizer on $connect alone',
      });
    }
  }

  /** Lets `fn` post to the connections of this API, and sets its variable with the endpoint. */
  grantPush(fn: CeleriacFunction): void {
    this.stage.grantManagementApiAccess(fn);
    fn.addEnvironment('SOCKET_ENDPOINT', this.stage.callbackUrl);
    const api = Stack.of(this).getLogicalId(this.api.node.defaultChild as CfnApi);
    const connections = `arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:<${api}>/ws/*/@connections/*`;
    Validations.of(fn.role ?? fn).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${connections}]`,
      reason: 'Any connection of this API and stage, whose ids are made when clients come',
    });
  }

  /** Returns the metric of events that the function answered with 4xx, for example when it refused a ticket, or with 5xx. */
  refusals(options: MetricOptions): IMetric {
    return this.metric('IntegrationError', options);
  }

  /** Returns the metric of events that no function answered: the function threw, or it could not be called. */
  executionErrors(options: MetricOptions): IMetric {
    return this.metric('ExecutionError', options);
  }

  connections(options: MetricOptions): IMetric {
    return this.metric('ConnectCount', options);
  }

  private metric(metricName: string, options: MetricOptions): IMetric {
    const dimensionsMap = { ApiId: this.api.apiId, Stage: this.stage.stageName };
    return new Metric({ namespace: 'AWS/ApiGateway', metricName, dimensionsMap, ...options });
  }
}

/**
 * Lets API Gateway log in this account and region. Unlike an HTTP API, a WebSocket API writes its access log with a role
 * in the account's settings, one for the whole region. The role stays when the stack is deleted, because other APIs of
 * the account may log with it.
 */
function accountMayLog(scope: Construct): CfnAccount {
  const role = new Role(scope, 'LoggingRole', {
    assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
    managedPolicies: [
      ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonAPIGatewayPushToCloudWatchLogs'),
    ],
  });
  role.applyRemovalPolicy(RemovalPolicy.RETAIN);
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
    reason:
      'The account has one such role for all APIs, and API Gateway only takes one with what this policy grants',
  });
  const account = new CfnAccount(scope, 'AccountLogging', { cloudWatchRoleArn: role.roleArn });
  account.applyRemovalPolicy(RemovalPolicy.RETAIN);
  return account;
}
