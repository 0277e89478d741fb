import { RemovalPolicy } from 'aws-cdk-lib';
import { CfnAccount } from 'aws-cdk-lib/aws-apigateway';
import { WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import { accessLog } from './access-log.ts';
import type { CeleriacFunction } from './function.ts';

const ROUTES = ['$connect', '$disconnect', '$default'] as const;

/** The WebSocket API. Only its stage's path can be connected to: the front door rewrites the seed's URL to `/ws`. */
export class SocketEndpoint extends Construct {
  /** `wss://…/ws`: where clients connect. */
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
    this.stage.node.addDependency(accountMayLog(this));
    this.url = this.stage.url;
  }

  /** Sends every event of every connection to `fn`. */
  routeTo(fn: CeleriacFunction): void {
    for (const route of ROUTES) {
      this.api.addRoute(route, { integration: new WebSocketLambdaIntegration(route.slice(1), fn) });
    }
  }

  /** Lets `fn` post to the connections of this API, and tells it where. */
  grantPush(fn: CeleriacFunction): void {
    this.stage.grantManagementApiAccess(fn);
    fn.addEnvironment('SOCKET_ENDPOINT', this.stage.callbackUrl);
  }
}

/**
 * Unlike an HTTP API, a WebSocket API writes its access log with a role that stands in the account's settings, one
 * for the whole region. Kept when the stack goes, as other APIs of the account may log by it.
 */
function accountMayLog(scope: Construct): CfnAccount {
  const role = new Role(scope, 'LoggingRole', {
    assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
    managedPolicies: [
      ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonAPIGatewayPushToCloudWatchLogs'),
    ],
  });
  role.applyRemovalPolicy(RemovalPolicy.RETAIN);
  const account = new CfnAccount(scope, 'AccountLogging', { cloudWatchRoleArn: role.roleArn });
  account.applyRemovalPolicy(RemovalPolicy.RETAIN);
  return account;
}
