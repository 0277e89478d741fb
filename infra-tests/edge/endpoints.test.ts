import { describe, expect, test } from 'vitest';
import { functionAt, STAGE_NAMES, synthesized } from '../testing/synthesized.ts';

const ID = '0199c0de-0000-7000-8000-000000000000';

/** Every documented path of the replaced systems, and the paths of the identity endpoints. */
const REQUESTS = [
  ['POST', '/api/tasks', 'api'],
  ['GET', `/api/tasks/${ID}/status`, 'api'],
  ['POST', `/api/tasks/${ID}/cancel`, 'api'],
  ['POST', `/api/tasks/${ID}/retry`, 'api'],
  ['GET', `/api/organizations/${ID}/prices`, 'api'],
  ['POST', '/api/ws-tickets', 'api'],
  ['GET', '/api/openapi.json', 'api'],
  ['POST', '/api/auth/register', 'auth'],
  ['POST', '/api/auth/login', 'auth'],
  ['POST', '/api/token', 'auth'],
  // Logged-in users must not wait behind logins.
  ['GET', '/api/auth/me', 'session'],
  ['POST', '/api/auth/refresh', 'session'],
  ['POST', '/api/auth/logout', 'session'],
  ['GET', '/api/auth/jwks', 'session'],
  ['POST', '/api/token/refresh', 'session'],
  ['POST', '/api/token/verify', 'session'],
] as const;

describe.each(STAGE_NAMES)('endpoints of %s', (stage) => {
  const stacks = synthesized(stage);
  const { app } = stacks;
  const routes = Object.values(app.findResources('AWS::ApiGatewayV2::Route')).map(({ Properties }) => ({
    api: Properties.ApiId.Ref as string,
    key: Properties.RouteKey as string,
    answeredBy: integrationOf(Properties.Target),
  }));
  const idOf = (protocol: string) =>
    Object.keys(app.findResources('AWS::ApiGatewayV2::Api', { Properties: { ProtocolType: protocol } }))[0];
  const httpRoutes = routes.filter(({ api }) => api === idOf('HTTP'));

  function integrationOf(target: { 'Fn::Join': [string, [string, { Ref: string }]] }) {
    const integration = app.findResources('AWS::ApiGatewayV2::Integration')[target['Fn::Join'][1][1].Ref];
    return functionAt(stacks, integration?.Properties.IntegrationUri);
  }

  /** Chooses like API Gateway: an exact path first, then the longest greedy path. */
  function answeredBy(method: string, path: string) {
    const fitting = httpRoutes.filter(({ key }) => {
      const [verb, pattern = ''] = key.split(' ');
      if (verb !== 'ANY' && verb !== method) return false;
      return pattern.endsWith('{proxy+}')
        ? path.startsWith(pattern.replace('{proxy+}', ''))
        : path === pattern;
    });
    const specificity = (key: string) => (key.endsWith('{proxy+}') ? 0 : 1000) + key.length;
    return fitting.toSorted((a, b) => specificity(b.key) - specificity(a.key))[0]?.answeredBy;
  }

  test.each(REQUESTS)('%s %s reaches %s, with and without the trailing slash', (method, path, name) => {
    expect(answeredBy(method, path)).toBe(name);
    expect(answeredBy(method, `${path}/`)).toBe(name);
  });

  test('session answers the public keys, and there are no routes without a function', () => {
    expect(answeredBy('GET', '/.well-known/jwks.json')).toBe('session');
    expect(answeredBy('GET', '/')).toBeUndefined();
  });

  test('an unknown path is refused by a function, because API Gateway’s own 404 is no problem document', () => {
    expect(answeredBy('GET', '/.well-known/security.txt')).toBe('session');
    expect(answeredBy('GET', '/.well-known/')).toBe('session');
    expect(answeredBy('GET', '/api')).toBe('api');
    expect(answeredBy('GET', '/api/')).toBe('api');
    expect(answeredBy('GET', '/api/none')).toBe('api');
    expect(httpRoutes.map(({ key }) => key)).not.toContain('$default');
  });

  test('every method of a path reaches its function: API Gateway would answer others by 404', () => {
    for (const { key } of httpRoutes) expect(key).toMatch(/^ANY \//);
  });

  test('HTTP events come in payload format 2.0', () => {
    const integrations = Object.values(
      app.findResources('AWS::ApiGatewayV2::Integration', { Properties: { ApiId: { Ref: idOf('HTTP') } } }),
    );
    for (const { Properties } of integrations) expect(Properties.PayloadFormatVersion).toBe('2.0');
  });

  test('every event of a WebSocket reaches the socket function', () => {
    const socketRoutes = routes.filter(({ api }) => api === idOf('WEBSOCKET'));
    expect(new Map(socketRoutes.map(({ key, answeredBy }) => [key, answeredBy]))).toEqual(
      new Map([
        ['$connect', 'socket'],
        ['$disconnect', 'socket'],
        ['$default', 'socket'],
      ]),
    );
  });

  test('API Gateway is allowed to invoke whatever it routes to, from that API alone', () => {
    const permissions = Object.values(
      app.findResources('AWS::Lambda::Permission', { Properties: { Principal: 'apigateway.amazonaws.com' } }),
    );
    for (const { api, answeredBy } of routes) {
      const granted = permissions.filter(
        ({ Properties }) =>
          functionAt(stacks, Properties.FunctionName) === answeredBy &&
          JSON.stringify(Properties.SourceArn).includes(`{"Ref":"${api}"}`),
      );
      expect(granted).not.toEqual([]);
    }
  });

  test('API Gateway may invoke each authorizer, on behalf of that authorizer only', () => {
    for (const [id, { Properties }] of Object.entries(app.findResources('AWS::ApiGatewayV2::Authorizer'))) {
      const permissions = Object.values(
        app.findResources('AWS::Lambda::Permission', {
          Properties: { Principal: 'apigateway.amazonaws.com' },
        }),
      ).filter((permission) =>
        JSON.stringify(permission.Properties.SourceArn).includes(`/authorizers/",{"Ref":"${id}"}`),
      );
      expect(permissions.map((permission) => functionAt(stacks, permission.Properties.FunctionName))).toEqual(
        [functionAt(stacks, Properties.AuthorizerUri)],
      );
    }
  });

  test('the account’s role for logs is set when there is an API, which an account that never had one needs', () => {
    const [account] = Object.values(app.findResources('AWS::ApiGateway::Account'));
    expect(account?.DependsOn).toEqual(expect.arrayContaining([idOf('WEBSOCKET')]));
  });

  test('both APIs throttle, log every request, and log no query string', () => {
    const stages = Object.values(app.findResources('AWS::ApiGatewayV2::Stage'));
    expect(stages.map(({ Properties }) => Properties.StageName).toSorted()).toEqual(['$default', 'ws']);
    for (const { Properties } of stages) {
      expect(Properties.DefaultRouteSettings.ThrottlingRateLimit).toBeGreaterThan(0);
      expect(Properties.DefaultRouteSettings.ThrottlingBurstLimit).toBeGreaterThan(0);
      expect(Properties.AccessLogSettings.Format).toContain('$context.requestId');
      expect(Properties.AccessLogSettings.Format).not.toMatch(/query/i);
      // API Gateway has refused the `:*` at the end of a log group's ARN attribute for WebSocket APIs.
      expect(Properties.AccessLogSettings.DestinationArn['Fn::Join'][1].at(-1)).toEqual({
        Ref: expect.stringContaining('AccessLog'),
      });
    }
  });
});
