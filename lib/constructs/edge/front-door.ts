import { join } from 'node:path';
import { Aws, Duration, Fn, Stack, Validations } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin, S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { AaaaRecord, ARecord, HostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53';
import { CloudFrontTarget } from 'aws-cdk-lib/aws-route53-targets';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type CfnBucket,
  type IBucket,
} from 'aws-cdk-lib/aws-s3';
import { Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import type { Domain, Stage } from '../../stages.ts';
import { type CeleriacFunction, patienceWith } from '../function.ts';
import { bucketRemovalPolicyOf } from '../removal-policy.ts';
import type { HttpEndpoint } from './http-api.ts';
import { ORIGIN_HEADER, type OriginSecret } from './origin-secret.ts';
import type { SocketEndpoint } from './websocket-api.ts';

/** Policy of the console's pages. The local front door reads it from the template, and adds its own WebSocket port. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Headers of every answer, from any origin. */
const TRANSPORT_HEADERS: cloudfront.ResponseSecurityHeadersBehavior = {
  contentTypeOptions: { override: true },
  strictTransportSecurity: {
    accessControlMaxAge: Duration.days(365),
    includeSubdomains: false,
    override: true,
  },
};

export type FrontDoorProps = {
  stage: Stage;
  http: HttpEndpoint;
  sockets: SocketEndpoint;
  originSecret: OriginSecret;
  /** ARN of a firewall with the scope CLOUDFRONT. */
  webAclArn?: string;
};

/** One origin for browsers: the console from a private bucket, the HTTP API, and the WebSocket. */
export class FrontDoor extends Construct {
  /** `https://…` without a path. */
  readonly url: string;
  /** CloudFront's domain name. The DNS of a custom domain must point to it. */
  readonly address: string;
  private readonly bucket: Bucket;

  constructor(
    scope: Construct,
    id: string,
    { stage, http, sockets, originSecret, webAclArn }: FrontDoorProps,
  ) {
    super(scope, id);
    const { domain } = stage;
    this.bucket = consoleBucket(this, stage);
    const customHeaders = { [ORIGIN_HEADER]: originSecret.value.unsafeUnwrap() };
    const functionAssociations = [
      {
        eventType: cloudfront.FunctionEventType.VIEWER_REQUEST,
        function: new cloudfront.Function(this, 'ViewerRequest', {
          comment: 'Addresses as API Gateway knows them, and refusals in our own form',
          code: cloudfront.FunctionCode.fromFile({
            filePath: join(import.meta.dirname, '..', '..', 'edge', 'viewer-request.js'),
          }),
          runtime: cloudfront.FunctionRuntime.JS_2_0,
        }),
      },
    ];
    const api: cloudfront.BehaviorOptions = {
      ...PASSED_ON,
      functionAssociations,
      origin: new HttpOrigin(Fn.parseDomainName(http.url), { ...TLS_ONLY, customHeaders }),
      responseHeadersPolicy: new cloudfront.ResponseHeadersPolicy(this, 'ApiHeaders', {
        responseHeadersPolicyName: accountWide(stage, 'api'),
        comment: `Celeriac ${stage.name}: what the API answers`,
        securityHeadersBehavior: TRANSPORT_HEADERS,
      }),
    };
    const socket: cloudfront.BehaviorOptions = {
      ...PASSED_ON,
      origin: new HttpOrigin(Fn.select(2, Fn.split('/', sockets.url)), { ...TLS_ONLY, customHeaders }),
      functionAssociations,
    };
    const distribution = new cloudfront.Distribution(this, 'Distribution', {
      comment: `Celeriac ${stage.name}`,
      defaultRootObject: 'index.html',
      defaultBehavior: {
        // A cast, because the library's own types disagree about optional members. The right to list makes a missing file
        // a 404 instead of a 403.
        origin: S3BucketOrigin.withOriginAccessControl(this.bucket as IBucket, {
          originAccessLevels: [cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST],
          originAccessControl: new cloudfront.S3OriginAccessControl(this, 'ConsoleAccess', {
            originAccessControlName: accountWide(stage, 'console'),
          }),
        }),
        viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        responseHeadersPolicy: consoleHeaders(this, stage),
        compress: true,
      },
      additionalBehaviors: {
        '/api': api,
        '/api/*': api,
        '/.well-known/*': api,
        '/ws': socket,
        '/ws/*': socket,
      },
      errorResponses: ERROR_RESPONSES,
      httpVersion: cloudfront.HttpVersion.HTTP2_AND_3,
      priceClass: cloudfront.PriceClass.PRICE_CLASS_100,
      ...(domain && {
        minimumProtocolVersion: cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
        domainNames: [domain.name],
        certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificateArn),
      }),
      ...(webAclArn && { webAclId: webAclArn }),
    });
    acknowledge(distribution, stage);
    this.url = `https://${domain?.name ?? distribution.distributionDomainName}`;
    if (domain?.hostedZone) pointAt(this, distribution, { recordName: domain.name, zone: domain.hostedZone });
    this.address = distribution.distributionDomainName;
  }

  /** Lets `publisher` copy the console into the bucket, in every deployment that changes the console. */
  publishBy(publisher: CeleriacFunction): void {
    publisher.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:PutObject'], resources: [this.bucket.arnForObjects('*')] }),
    );
    const bucketId = Stack.of(this).getLogicalId(this.bucket.node.defaultChild as CfnBucket);
    Validations.of(publisher.role ?? publisher).acknowledge({
      id: `AwsSolutions-IAM5[Resource::<${bucketId}.Arn>/*]`,
      reason: 'Any file of the console; the bucket holds nothing else',
    });
    publisher.addEnvironment('CONSOLE_BUCKET', this.bucket.bucketName);
    new Trigger(this, 'Publish', {
      handler: publisher,
      timeout: patienceWith('publish-console'),
      executeAfter: [this.bucket, publisher],
    });
  }
}

/**
 * Returns a name that is unique in the account. CloudFront's names are unique across regions, and a stage may exist in
 * several regions.
 */
const accountWide = (stage: Stage, name: string) => `celeriac-${stage.name}-${name}-${Aws.REGION}`;

/**
 * Settings for requests that CloudFront neither answers nor caches. The Host header is not passed on, because API Gateway
 * routes by it.
 */
const PASSED_ON = {
  viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
  allowedMethods: cloudfront.AllowedMethods.ALLOW_ALL,
  cachePolicy: cloudfront.CachePolicy.CACHING_DISABLED,
  originRequestPolicy: cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
};

/**
 * Problem documents from the console's folder `errors`, for statuses that our functions never return: API Gateway (503)
 * and CloudFront itself return them. Such a page replaces an answer on every path, so no other status can have one.
 *
 * By default, CloudFront caches errors for ten seconds and for every client, even with `no-store`. When a stranger does
 * not find a task, its owner would then not find it either.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
 */
const ERROR_RESPONSES: cloudfront.ErrorResponse[] = [
  ...[414, 502, 503, 504].map((status) => ({
    httpStatus: status,
    responseHttpStatus: status,
    responsePagePath: `/errors/${status}.problem`,
    ttl: Duration.seconds(0),
  })),
  ...[400, 403, 404, 405, 500, 501].map((status) => ({ httpStatus: status, ttl: Duration.seconds(0) })),
];

const TLS_ONLY = {
  protocolPolicy: cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
  originSslProtocols: [cloudfront.OriginSslPolicy.TLS_V1_2],
};

function consoleBucket(scope: Construct, stage: Stage): Bucket {
  const bucket = new Bucket(scope, 'Console', {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    ...bucketRemovalPolicyOf(stage),
  });
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason: 'It holds the files of the repository, which everybody may read by the front door',
  });
  return bucket;
}

function consoleHeaders(scope: Construct, stage: Stage): cloudfront.ResponseHeadersPolicy {
  return new cloudfront.ResponseHeadersPolicy(scope, 'ConsoleHeaders', {
    responseHeadersPolicyName: accountWide(stage, 'console'),
    comment: `Celeriac ${stage.name}: the console`,
    securityHeadersBehavior: {
      ...TRANSPORT_HEADERS,
      contentSecurityPolicy: { contentSecurityPolicy: CONTENT_SECURITY_POLICY, override: true },
      frameOptions: { frameOption: cloudfront.HeadersFrameOption.DENY, override: true },
      referrerPolicy: {
        referrerPolicy: cloudfront.HeadersReferrerPolicy.NO_REFERRER,
        override: true,
      },
    },
  });
}

function pointAt(
  scope: Construct,
  distribution: cloudfront.Distribution,
  { recordName, zone: { id, name } }: { recordName: string; zone: NonNullable<Domain['hostedZone']> },
): void {
  const zone = HostedZone.fromHostedZoneAttributes(scope, 'Zone', { hostedZoneId: id, zoneName: name });
  const target = RecordTarget.fromAlias(new CloudFrontTarget(distribution));
  new ARecord(scope, 'IPv4', { zone, recordName, target });
  new AaaaRecord(scope, 'IPv6', { zone, recordName, target });
}

function acknowledge(distribution: cloudfront.Distribution, { domain, firewall }: Stage): void {
  Validations.of(distribution).acknowledge(
    {
      id: 'Annotation::@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk',
      reason: 'There is a root object, so nobody is shown the list',
    },
    { id: 'AwsSolutions-CFR1', reason: 'Its users are wherever their organization is' },
    {
      id: 'AwsSolutions-CFR3',
      reason: 'Both APIs log every request; what is left are the public files of the console',
    },
  );
  if (!firewall.on) {
    Validations.of(distribution).acknowledge({
      id: 'AwsSolutions-CFR2',
      reason:
        'A parameter of the stage, for its price and its second region; the APIs throttle by themselves',
    });
  }
  if (!domain) {
    Validations.of(distribution).acknowledge({
      id: 'AwsSolutions-CFR4',
      reason: 'The certificate of cloudfront.net fixes its own minimum; with a domain it is TLS 1.2',
    });
  }
}
