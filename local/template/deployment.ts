import { type Resource, readAssembly } from './assembly.ts';
import { locate, NO_PLACES, type Places } from './physical.ts';

/** The synthesized template, translated to a running system on this machine. */
export interface Deployment {
  readonly functions: readonly FunctionSpec[];
  readonly queues: readonly QueueSpec[];
  readonly mappings: readonly MappingSpec[];
  /** Names of the event buses, besides the default one. */
  readonly buses: readonly string[];
  readonly rules: readonly RuleSpec[];
  readonly buckets: readonly BucketSpec[];
  readonly httpRoutes: readonly RouteSpec[];
  readonly webSocket: {
    readonly stage: string;
    readonly selection: string;
    readonly routes: readonly RouteSpec[];
  };
  readonly secrets: readonly SecretSpec[];
  readonly frontDoor: {
    /** Source of the CloudFront Function for requests to the APIs; empty when there is none. */
    readonly viewerRequest: string;
    /** Console files that replace answers with certain statuses. */
    readonly errorPages: readonly ErrorPageSpec[];
    /** Headers that the front door adds to the console's files. */
    readonly consoleHeaders: Readonly<Record<string, string>>;
  };
}

export interface FunctionSpec {
  readonly name: string;
  /** Absolute directory of the deployed code. */
  readonly codeDir: string;
  /** `<file without extension>.<export>`. */
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly reservedConcurrency?: number;
}

export interface QueueSpec {
  readonly name: string;
  readonly url: string;
  readonly arn: string;
  /** Attributes in the form of SQS's CreateQueue. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface BucketSpec {
  readonly name: string;
  /** Rules for access from browsers. Without a rule browsers have no access. */
  readonly corsRules: readonly CorsRule[];
}

/** A rule in the form of a bucket's `CorsConfiguration`. */
export interface CorsRule {
  readonly AllowedMethods: readonly string[];
  /** Patterns of origins with at most one `*` each. */
  readonly AllowedOrigins: readonly string[];
  readonly AllowedHeaders?: readonly string[];
  readonly ExposedHeaders?: readonly string[];
  readonly MaxAge?: number;
}

/** A Lambda event source mapping of a queue. */
export interface MappingSpec {
  readonly functionName: string;
  readonly queueName: string;
  readonly batchSize: number;
  readonly maximumConcurrency?: number;
  readonly reportsItemFailures: boolean;
}

/** An EventBridge rule with either a schedule or a pattern. */
export interface RuleSpec {
  readonly name: string;
  readonly bus: string;
  readonly schedule?: string;
  readonly pattern?: Readonly<Record<string, unknown>>;
  readonly targets: readonly { readonly arn: string; readonly input?: string }[];
}

export interface RouteSpec {
  /** `ANY /api/{proxy+}`, `$default`, `$connect`, … */
  readonly routeKey: string;
  readonly functionName: string;
}

/** A custom error page of the distribution. */
export interface ErrorPageSpec {
  /** The status that is replaced. */
  readonly status: number;
  readonly responseStatus: number;
  /** Path of the page, with a leading slash. */
  readonly path: string;
}

export interface SecretSpec {
  readonly arn: string;
  /** The `GenerateSecretString` property, when the secret is generated. */
  readonly generate?: Readonly<Record<string, unknown>>;
  /** True for the secret of the database's master user. */
  readonly isDatabaseLogin: boolean;
}

/** CreateQueue's attributes that have equal names in a template. */
const QUEUE_ATTRIBUTES = [
  'DelaySeconds',
  'MaximumMessageSize',
  'MessageRetentionPeriod',
  'ReceiveMessageWaitTimeSeconds',
  'VisibilityTimeout',
] as const;

/**
 * Reads the deployment from a cloud assembly.
 *
 * @param places addresses of the emulators; default: addresses that are not real
 */
export function readDeployment(outdir: string, places: Places = NO_PLACES): Deployment {
  const assembly = readAssembly(outdir);
  const located = locate(assembly, places);
  const ofType = (type: string) => assembly.resources.filter((resource) => resource.type === type);
  const withProperties = <T>(type: string, read: (properties: Properties, resource: Resource) => T): T[] =>
    ofType(type).map((resource) => read(new Properties(located.properties(resource)), resource));

  const apis = new Map(
    withProperties('AWS::ApiGatewayV2::Api', (api, resource) => [located.ref(resource), api] as const),
  );
  const integrations = new Map(
    withProperties('AWS::ApiGatewayV2::Integration', (integration, resource) => [
      located.ref(resource),
      functionNameIn(integration.text('IntegrationUri')),
    ]),
  );
  const routes = withProperties('AWS::ApiGatewayV2::Route', (route) => ({
    protocol: apis.get(route.text('ApiId'))?.text('ProtocolType'),
    routeKey: route.text('RouteKey'),
    functionName: integrations.get(route.text('Target').replace(/^integrations\//, '')) ?? '',
  }));
  const routesOf = (protocol: string) =>
    routes
      .filter((route) => route.protocol === protocol)
      .map(({ routeKey, functionName }) => ({ routeKey, functionName }));
  const webSocketStage = withProperties('AWS::ApiGatewayV2::Stage', (stage) => stage).find(
    (stage) => apis.get(stage.text('ApiId'))?.text('ProtocolType') === 'WEBSOCKET',
  );

  const [viewerRequest = ''] = withProperties('AWS::CloudFront::Function', (fn) => fn.text('FunctionCode'));

  return {
    functions: withProperties('AWS::Lambda::Function', (fn, resource) => ({
      name: located.ref(resource),
      codeDir: assembly.assets.get(fn.child('Code').text('S3Key')) ?? '',
      handler: fn.text('Handler'),
      timeoutSeconds: fn.number('Timeout') ?? 3,
      memoryMb: fn.number('MemorySize') ?? 128,
      environment: Object.fromEntries(
        Object.entries(fn.child('Environment').child('Variables').values).map(([name, value]) => [
          name,
          located.localize(String(value)),
        ]),
      ),
      ...optional('reservedConcurrency', fn.number('ReservedConcurrentExecutions')),
    })).filter(({ codeDir }) => codeDir !== ''),

    queues: withProperties('AWS::SQS::Queue', (queue, resource) => ({
      name: located.ref(resource).split('/').at(-1) ?? '',
      url: located.ref(resource),
      arn: located.arn(resource),
      attributes: {
        ...Object.fromEntries(
          QUEUE_ATTRIBUTES.flatMap((name) => {
            const value = queue.values[name];
            return value === undefined ? [] : [[name, String(value)]];
          }),
        ),
        ...(queue.values.RedrivePolicy ? { RedrivePolicy: JSON.stringify(queue.values.RedrivePolicy) } : {}),
      },
    })),

    mappings: withProperties('AWS::Lambda::EventSourceMapping', (mapping) => ({
      functionName: mapping.text('FunctionName'),
      queueName: mapping.text('EventSourceArn').split(':').at(-1) ?? '',
      batchSize: mapping.number('BatchSize') ?? 10,
      ...optional('maximumConcurrency', mapping.child('ScalingConfig').number('MaximumConcurrency')),
      reportsItemFailures: mapping.list('FunctionResponseTypes').includes('ReportBatchItemFailures'),
    })),

    buses: ofType('AWS::Events::EventBus').map(located.ref),
    buckets: withProperties('AWS::S3::Bucket', (bucket, resource) => ({
      name: located.ref(resource),
      corsRules: bucket.child('CorsConfiguration').list('CorsRules') as CorsRule[],
    })),

    rules: withProperties('AWS::Events::Rule', (rule, resource) => ({
      name: rule.text('Name') || `${resource.stack}-${resource.logicalId}`,
      bus: rule.text('EventBusName') || 'default',
      ...optional('schedule', rule.text('ScheduleExpression') || undefined),
      ...optional('pattern', rule.values.EventPattern as Record<string, unknown> | undefined),
      targets: rule.list('Targets').map((target) => {
        const properties = new Properties(target as Record<string, unknown>);
        return { arn: properties.text('Arn'), ...optional('input', properties.text('Input') || undefined) };
      }),
      isEnabled: rule.values.State !== 'DISABLED',
    }))
      .filter(({ isEnabled }) => isEnabled)
      .map(({ isEnabled: _, ...rule }) => rule),

    httpRoutes: routesOf('HTTP'),
    webSocket: {
      stage: webSocketStage?.text('StageName') ?? 'ws',
      selection: apis.get(webSocketStage?.text('ApiId') ?? '')?.text('RouteSelectionExpression') ?? '',
      routes: routesOf('WEBSOCKET'),
    },

    secrets: [
      ...withProperties('AWS::SecretsManager::Secret', (secret, resource) => ({
        arn: located.ref(resource),
        ...optional('generate', secret.values.GenerateSecretString as Record<string, unknown> | undefined),
        isDatabaseLogin: false,
      })),
      ...ofType('AWS::RDS::DBCluster').map((cluster) => ({
        arn: located.ownerSecret(cluster),
        isDatabaseLogin: true,
      })),
    ],

    frontDoor: {
      viewerRequest,
      errorPages: withProperties('AWS::CloudFront::Distribution', (distribution) =>
        distribution.child('DistributionConfig').list('CustomErrorResponses').flatMap(errorPage),
      ).flat(),
      // A policy with a content security policy is for pages.
      consoleHeaders: Object.assign(
        {},
        ...withProperties('AWS::CloudFront::ResponseHeadersPolicy', (policy) =>
          policy.child('ResponseHeadersPolicyConfig').child('SecurityHeadersConfig'),
        )
          .filter((headers) => headers.child('ContentSecurityPolicy').text('ContentSecurityPolicy') !== '')
          .map(securityHeaders),
      ),
    },
  };
}

/**
 * Reads an entry of `CustomErrorResponses`. Returns nothing for an entry without a page, which only sets how long
 * errors are cached.
 */
function errorPage(entry: unknown): ErrorPageSpec[] {
  const properties = new Properties(entry as Record<string, unknown>);
  const status = properties.number('ErrorCode') ?? 0;
  const path = properties.text('ResponsePagePath');
  return path ? [{ status, path, responseStatus: properties.number('ResponseCode') ?? status }] : [];
}

/**
 * Returns the headers that a response headers policy adds, except `strict-transport-security`, which needs TLS.
 *
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-cloudfront-responseheaderspolicy-securityheadersconfig.html
 */
function securityHeaders(config: Properties): Record<string, string> {
  return {
    'content-security-policy': config.child('ContentSecurityPolicy').text('ContentSecurityPolicy'),
    ...('ContentTypeOptions' in config.values && { 'x-content-type-options': 'nosniff' }),
    ...('FrameOptions' in config.values && {
      'x-frame-options': config.child('FrameOptions').text('FrameOption'),
    }),
    ...('ReferrerPolicy' in config.values && {
      'referrer-policy': config.child('ReferrerPolicy').text('ReferrerPolicy'),
    }),
  };
}

/** Typed access to resolved properties. A missing property or one of another type reads as empty. */
class Properties {
  readonly values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = values;
  }

  text(name: string): string {
    const value = this.values[name];
    return typeof value === 'string' ? value : '';
  }

  number(name: string): number | undefined {
    const value = Number(this.values[name] ?? Number.NaN);
    return Number.isNaN(value) ? undefined : value;
  }

  list(name: string): unknown[] {
    const value = this.values[name];
    return Array.isArray(value) ? value : [];
  }

  child(name: string): Properties {
    const value = this.values[name];
    return new Properties(value && typeof value === 'object' ? (value as Record<string, unknown>) : {});
  }
}

/** Returns the function's name in an integration URI, which is or contains the function's ARN. */
function functionNameIn(uri: string): string {
  return /:function:([\w-]+)/.exec(uri)?.[1] ?? '';
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V };
}
