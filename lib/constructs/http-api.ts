import { HttpApi, HttpMethod, HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { Construct } from 'constructs';
import type { Stage } from '../stages.ts';
import { accessLog } from './access-log.ts';
import type { CeleriacFunction } from './function.ts';

/**
 * Which function answers which path; the most specific route wins, and what none matches is API Gateway's 404.
 *
 * A route cannot end in a slash, and `/api/token` does not match `/api/token/`; a greedy variable matches what
 * follows the slash, also when that is nothing. Hence both.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
 */
const ROUTES = {
  auth: [
    [HttpMethod.ANY, '/api/auth/{proxy+}'],
    [HttpMethod.ANY, '/api/token'],
    [HttpMethod.ANY, '/api/token/{proxy+}'],
    [HttpMethod.GET, '/.well-known/jwks.json'],
  ],
  api: [[HttpMethod.ANY, '/api/{proxy+}']],
} as const satisfies Record<string, readonly (readonly [HttpMethod, string])[]>;

/** The HTTP API. Functions get payload format 2.0. */
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

  routeTo(functions: Record<keyof typeof ROUTES, CeleriacFunction>): void {
    for (const name of ['auth', 'api'] as const) {
      const integration = new HttpLambdaIntegration(name, functions[name], { scopePermissionToRoute: false });
      for (const [method, path] of ROUTES[name]) {
        this.api.addRoutes({ path, methods: [method], integration });
      }
    }
  }
}
