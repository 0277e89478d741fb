import { Duration } from 'aws-cdk-lib';
import { HttpApi, HttpMethod, HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IMetric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Stage } from '../../stages.ts';
import type { CeleriacFunction } from '../function.ts';
import { accessLog } from './access-log.ts';
import { ADDRESS_HEADER, ORIGIN_HEADER } from './origin-secret.ts';

/**
 * The function of each path. The most specific route wins, and API Gateway answers 404 for a path without a route.
 *
 * A route cannot end with a slash, and `/api/token` does not match `/api/token/`. A greedy variable matches the rest
 * behind the slash, even when it is empty. So each path needs both routes.
 *
 * Every route accepts ANY method: API Gateway answers a method without a route with 404, but a function answers 405 with
 * `Allow`.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
const ROUTES = {
  auth: ['/api/auth/{proxy+}', ...withSlash('/api/token')],
  // Separate from logins, which may occupy all sandboxes of `auth`.
  session: [
    ...['refresh', 'logout', 'me', 'jwks'].flatMap((name) => withSlash(`/api/auth/${name}`)),
    ...['refresh', 'verify'].flatMap((name) => withSlash(`/api/token/${name}`)),
    '/.well-known/{proxy+}',
  ],
  api: withSlash('/api'),
} as const satisfies Record<string, readonly string[]>;

const ROUTED = ['auth', 'session', 'api'] as const satisfies readonly (keyof typeof ROUTES)[];

function withSlash(path: string): [string, string] {
  return [path, `${path}/{proxy+}`];
}

/**
 * The HTTP API. Functions get payload format 2.0. Only requests with the front door's headers are accepted. API Gateway
 * caches this decision for an hour per client address, so the check costs most requests nothing.
 */
export class HttpEndpoint extends Construct {
  /** `https://…` without a path. */
  readonly url: string;
  private readonly api: HttpApi;

  constructor(scope: Construct, id: string, { stage }: { stage: Stage }) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', {
      apiName: `celeriac-${stage.name}-http`,
      createDefaultStage: false,
    });
    new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: stage.throttle.http,
      accessLogSettings: accessLog(this, {
        stage,
        fields: ['httpMethod', 'path', 'responseLength', 'responseLatency', 'integrationErrorMessage'],
      }),
    });
    this.url = this.api.apiEndpoint;
  }

  routeTo(functions: Record<keyof typeof ROUTES, CeleriacFunction>, originCheck: CeleriacFunction): void {
    const authorizer = new HttpLambdaAuthorizer('FrontDoorOnly', originCheck, {
      // The cached answer belongs to one client address, because the answer contains the address.
      identitySource: [ORIGIN_HEADER, ADDRESS_HEADER].map((name) => `$request.header.${name}`),
      resultsCacheTtl: Duration.hours(1),
    });
    for (const name of ROUTED) {
      const integration = new HttpLambdaIntegration(name, functions[name], { scopePermissionToRoute: false });
      for (const path of ROUTES[name]) {
        this.api.addRoutes({ path, methods: [HttpMethod.ANY], integration, authorizer });
      }
    }
  }

  /** Returns the metric of requests that failed in API Gateway or in a function behind it. */
  serverErrors(options: MetricOptions): IMetric {
    return this.api.metricServerError(options);
  }

  requests(options: MetricOptions): IMetric {
    return this.api.metricCount(options);
  }

  /** Returns the metric of milliseconds from request to answer. */
  latency(options: MetricOptions): IMetric {
    return this.api.metricLatency(options);
  }
}
