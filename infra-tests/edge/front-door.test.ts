import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Problem } from '../../functions/http/app/problem.ts';
import { functionAt, functionsOf, type Resource, STAGE_NAMES, synthesized } from '../testing/synthesized.ts';

type Behavior = {
  PathPattern?: string;
  TargetOriginId: string;
  ViewerProtocolPolicy: string;
  ResponseHeadersPolicyId?: { Ref: string };
  FunctionAssociations?: { EventType: string; FunctionARN: unknown }[];
};
type Origin = {
  Id: string;
  DomainName: unknown;
  S3OriginConfig?: { OriginAccessIdentity?: string };
  OriginAccessControlId?: unknown;
  CustomOriginConfig?: { OriginProtocolPolicy: string };
  OriginCustomHeaders?: { HeaderName: string; HeaderValue: unknown }[];
};

type ErrorResponse = {
  ErrorCode: number;
  ErrorCachingMinTTL?: number;
  ResponseCode?: number;
  ResponsePagePath?: string;
};

describe.each(STAGE_NAMES)('front door of %s', (stage) => {
  const stacks = synthesized(stage);
  const { app } = stacks;
  const config = one(app.findResources('AWS::CloudFront::Distribution')).Properties.DistributionConfig;
  const errors: ErrorResponse[] = config.CustomErrorResponses ?? [];
  const behaviors: Behavior[] = [config.DefaultCacheBehavior, ...config.CacheBehaviors];
  const originOf = ({ TargetOriginId }: Behavior): Origin =>
    config.Origins.find(({ Id }: Origin) => Id === TargetOriginId);
  const behavior = (pattern?: string) => {
    const found = behaviors.find(({ PathPattern }) => PathPattern === pattern);
    if (!found) throw new Error(`The front door does not know ${pattern}`);
    return found;
  };
  const apiId = (protocol: string) =>
    Object.keys(app.findResources('AWS::ApiGatewayV2::Api', { Properties: { ProtocolType: protocol } }))[0];
  const fromApis = behaviors.filter(({ PathPattern }) => PathPattern !== undefined);

  test('serves console, API and WebSocket on one origin, by TLS only', () => {
    expect(originOf(behavior()).S3OriginConfig).toBeDefined();
    for (const [pattern, protocol] of [
      ['/api', 'HTTP'],
      ['/api/*', 'HTTP'],
      ['/.well-known/*', 'HTTP'],
      ['/ws', 'WEBSOCKET'],
      ['/ws/*', 'WEBSOCKET'],
    ] as const) {
      expect(JSON.stringify(originOf(behavior(pattern)).DomainName)).toContain(`"${apiId(protocol)}"`);
    }
    for (const { ViewerProtocolPolicy } of behaviors) {
      expect(['https-only', 'redirect-to-https']).toContain(ViewerProtocolPolicy);
    }
    for (const each of fromApis) {
      expect(originOf(each).CustomOriginConfig?.OriginProtocolPolicy).toBe('https-only');
    }
  });

  test('is the only reader of the console’s bucket', () => {
    const [id, bucket] = Object.entries(app.findResources('AWS::S3::Bucket'))[0] ?? [];
    expect(Object.values(bucket?.Properties.PublicAccessBlockConfiguration)).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(originOf(behavior()).OriginAccessControlId).toBeDefined();
    const { PolicyDocument } = one(app.findResources('AWS::S3::BucketPolicy')).Properties;
    const readers = PolicyDocument.Statement.filter(
      ({ Effect, Principal }: { Effect: string; Principal: { AWS?: unknown } }) =>
        Effect === 'Allow' && Principal.AWS === undefined,
    );
    expect(readers).not.toEqual([]);
    for (const { Principal, Condition, Resource } of readers) {
      expect(Principal).toEqual({ Service: 'cloudfront.amazonaws.com' });
      expect(JSON.stringify(Condition)).toContain(':distribution/');
      expect(JSON.stringify(Resource)).toContain(`"${id}"`);
    }
  });

  test('gives pages a content security policy, and every answer a strict transport', () => {
    const policies = app.findResources('AWS::CloudFront::ResponseHeadersPolicy');
    const headersOf = ({ ResponseHeadersPolicyId }: Behavior) =>
      policies[ResponseHeadersPolicyId?.Ref ?? '']?.Properties.ResponseHeadersPolicyConfig
        .SecurityHeadersConfig;
    const page = headersOf(behavior());
    expect(page.ContentSecurityPolicy.ContentSecurityPolicy).toContain("default-src 'none'");
    expect(page.ContentSecurityPolicy.ContentSecurityPolicy).not.toMatch(/unsafe|\*/);
    expect(page.FrameOptions.FrameOption).toBe('DENY');
    for (const headers of [page, headersOf(behavior('/api/*'))]) {
      expect(headers.StrictTransportSecurity.AccessControlMaxAgeSec).toBeGreaterThanOrEqual(31_536_000);
      expect(headers.ContentTypeOptions.Override).toBe(true);
    }
  });

  test('runs its function before both APIs, and only there', () => {
    const [rewrite] = Object.keys(app.findResources('AWS::CloudFront::Function'));
    const rewritten = behaviors.filter(({ FunctionAssociations = [] }) =>
      JSON.stringify(FunctionAssociations).includes(`"${rewrite}"`),
    );
    expect(rewritten.map(({ PathPattern }) => PathPattern)).toEqual([
      '/api',
      '/api/*',
      '/.well-known/*',
      '/ws',
      '/ws/*',
    ]);
  });

  test.each([414, 502, 503, 504])('answers %i by a problem document of the console', (status) => {
    const { ResponseCode, ResponsePagePath } = errors.find(({ ErrorCode }) => ErrorCode === status) ?? {};
    expect([ResponseCode, ResponsePagePath]).toEqual([status, `/errors/${status}.problem`]);
    const text = readFileSync(
      join(import.meta.dirname, '..', '..', 'console', ResponsePagePath ?? ''),
      'utf8',
    );
    const problem = Problem.parse(JSON.parse(text));
    expect(problem).toMatchObject({ status, error: problem.detail });
  });

  test('replaces no answer of our own functions', () => {
    const replaced = errors
      .filter(({ ResponsePagePath }) => ResponsePagePath)
      .map(({ ErrorCode }) => ErrorCode);
    expect(replaced.toSorted()).toEqual([414, 502, 503, 504]);
  });

  test.each([400, 403, 404, 405, 414, 500, 501, 502, 503, 504])(
    'keeps no %i, which the next user would get',
    (status) => {
      expect(errors.find(({ ErrorCode }) => ErrorCode === status)?.ErrorCachingMinTTL).toBe(0);
    },
  );

  describe('cannot be bypassed', () => {
    const checker = functionsOf(stacks)['origin-check'].resource.Properties.Environment.Variables;
    const authorizers = app.findResources('AWS::ApiGatewayV2::Authorizer');

    test('it sends both APIs a secret that is in no template', () => {
      for (const each of fromApis) {
        const [header, ...more] = originOf(each).OriginCustomHeaders ?? [];
        expect(more).toEqual([]);
        expect(header?.HeaderName).toBe('x-origin-verify');
        const value = JSON.stringify(header?.HeaderValue);
        expect(value).toContain('{{resolve:secretsmanager:');
        expect(value).toContain(`"${checker.ORIGIN_SECRET_ARN.Ref}"`);
      }
    });

    test('every route requires it, except events of accepted connections', () => {
      const open = Object.values(app.findResources('AWS::ApiGatewayV2::Route'))
        .filter(({ Properties }) => {
          const authorizer = authorizers[Properties.AuthorizerId?.Ref];
          return (
            Properties.AuthorizationType !== 'CUSTOM' ||
            functionAt(stacks, authorizer?.Properties.AuthorizerUri) !== 'origin-check' ||
            !/header\.x-origin-verify$/.test(authorizer?.Properties.IdentitySource[0]) ||
            !/header\.x-client-address$/.test(authorizer?.Properties.IdentitySource[1])
          );
        })
        .map(({ Properties }) => Properties.RouteKey);
      expect(open.toSorted()).toEqual(['$default', '$disconnect']);
    });

    test('the access logs of both APIs have the client’s address, as the check hands it over', () => {
      const logged = Object.values(app.findResources('AWS::ApiGatewayV2::Stage')).map(
        ({ Properties }) => JSON.parse(Properties.AccessLogSettings.Format)['authorizer.clientAddress'],
      );
      expect(logged).toEqual(['$context.authorizer.clientAddress', '$context.authorizer.clientAddress']);
    });

    test('the HTTP API caches the answer, so that not every request invokes the check', () => {
      const { AuthorizerResultTtlInSeconds } = Object.values(authorizers)
        .map(({ Properties }) => Properties)
        .find(({ ApiId }) => ApiId.Ref === apiId('HTTP'));
      expect(AuthorizerResultTtlInSeconds).toBe(3600);
    });
  });

  test('is the issuer of tokens, whose keys it serves', () => {
    const { TOKEN_ISSUER } = functionsOf(stacks).auth.resource.Properties.Environment.Variables;
    const [distribution] = Object.keys(app.findResources('AWS::CloudFront::Distribution'));
    expect(TOKEN_ISSUER).toEqual({
      'Fn::Join': ['', ['https://', { 'Fn::GetAtt': [distribution, 'DomainName'] }]],
    });
  });

  test('a deployment prints its addresses', () => {
    const outputs = app.findOutputs('*');
    for (const [name, start, end] of [
      ['ConsoleUrl', 'https://', '/'],
      ['DocumentationUrl', 'https://', '/api/docs'],
      ['WebSocketUrl', 'wss://', '/ws'],
    ] as const) {
      const parts = outputs[name]?.Value['Fn::Join'][1];
      expect([parts[0], parts.at(-1)]).toEqual([start, end]);
    }
    expect(outputs).toHaveProperty('AlarmTopic');
  });

  test('has no name that could exist in another region of the account', () => {
    for (const [type, nameOf] of [
      ['ResponseHeadersPolicy', ({ ResponseHeadersPolicyConfig }) => ResponseHeadersPolicyConfig.Name],
      ['OriginAccessControl', ({ OriginAccessControlConfig }) => OriginAccessControlConfig.Name],
      ['Function', ({ Name }) => Name],
    ] as [string, (properties: Resource['Properties']) => unknown][]) {
      const named = Object.values(app.findResources(`AWS::CloudFront::${type}`));
      expect(named).not.toEqual([]);
      for (const { Properties } of named) {
        expect(JSON.stringify(nameOf(Properties))).toContain('{"Ref":"AWS::Region"}');
      }
    }
  });

  test('gets the console in every deployment with a changed console', () => {
    const versions = app.findResources('AWS::Lambda::Version');
    const published = Object.values(app.findResources('Custom::Trigger')).filter(
      ({ Properties }) =>
        functionAt(stacks, versions[Properties.HandlerArn.Ref]?.Properties.FunctionName) ===
        'publish-console',
    );
    expect(published).toHaveLength(1);
  });
});

function one(resources: Record<string, Resource>): Resource {
  const [resource, ...more] = Object.values(resources);
  if (!resource || more.length > 0) throw new Error(`Expected one, found ${Object.keys(resources).length}`);
  return resource;
}
