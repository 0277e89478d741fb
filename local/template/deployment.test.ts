import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { HttpApi, WebSocketApi, WebSocketStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration, WebSocketLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import {
  Function as CloudFrontFunction,
  Distribution,
  FunctionCode,
  HeadersFrameOption,
  HeadersReferrerPolicy,
  ResponseHeadersPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { EventBus, Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Code, Function as Fn, Runtime } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { functionEnvironment } from '../function-environment.ts';
import { type Deployment, readDeployment } from './deployment.ts';
import { resolve } from './intrinsics.ts';

const PLACES = {
  database: { host: '127.0.0.1', port: 55 },
  queues: 'http://127.0.0.1:4566',
  webSocketManagement: 'http://127.0.0.1:99',
  frontDoor: 'http://localhost:8000',
};

let root: string;
let deployment: Deployment;

/** Two stacks that refer to each other, synthesized by the CDK, so that their shapes are real. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'celeriac-template-'));
  await writeFile(join(root, 'index.mjs'), '');
  const outdir = join(root, 'cdk.out');
  const app = new App({ outdir });
  const secret = new Secret(new Stack(app, 'Data'), 'Signing', {
    generateSecretString: { passwordLength: 64 },
  });
  const stack = new Stack(app, 'App');
  const dead = new Queue(stack, 'Dead', { queueName: 'dead' });
  const work = new Queue(stack, 'Work', {
    queueName: 'work',
    visibilityTimeout: Duration.seconds(5400),
    deadLetterQueue: { queue: dead, maxReceiveCount: 5 },
  });
  const bus = new EventBus(stack, 'Bus', { eventBusName: 'mine' });
  const sockets = new WebSocketApi(stack, 'Sockets', { routeSelectionExpression: '$request.body.action' });
  const stage = new WebSocketStage(stack, 'Stage', { webSocketApi: sockets, stageName: 'ws' });
  const http = new HttpApi(stack, 'Http');
  const fn = new Fn(stack, 'Fn', {
    functionName: 'celeriac-dev-api',
    runtime: Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: Code.fromAsset(root, { exclude: ['cdk.out'] }),
    timeout: Duration.seconds(28),
    memorySize: 512,
    reservedConcurrentExecutions: 5,
    environment: {
      QUEUE_URL: work.queueUrl,
      BUS: bus.eventBusName,
      SECRET_ARN: secret.secretArn,
      ISSUER: http.apiEndpoint,
      SOCKET_ENDPOINT: stage.callbackUrl,
    },
  });
  fn.addEventSource(
    new SqsEventSource(work, { batchSize: 10, maxConcurrency: 4, reportBatchItemFailures: true }),
  );
  http.addRoutes({ path: '/api/{proxy+}', integration: new HttpLambdaIntegration('http', fn) });
  sockets.addRoute('$connect', { integration: new WebSocketLambdaIntegration('connect', fn) });
  new Rule(stack, 'Tick', {
    schedule: Schedule.rate(Duration.minutes(1)),
    targets: [new LambdaFunction(fn)],
  });
  new Rule(stack, 'Off', { schedule: Schedule.rate(Duration.minutes(1)), enabled: false });
  new Rule(stack, 'Match', {
    eventBus: bus,
    eventPattern: { source: ['celeriac'] },
    targets: [new LambdaFunction(fn)],
  });
  new Bucket(stack, 'Kept');
  new CloudFrontFunction(stack, 'Path', { code: FunctionCode.fromInline('function handler() {}') });
  new Distribution(stack, 'FrontDoor', {
    defaultBehavior: { origin: new HttpOrigin('example.com') },
    errorResponses: [
      { httpStatus: 503, responseHttpStatus: 500, responsePagePath: '/busy.problem' },
      { httpStatus: 404, ttl: Duration.seconds(0) },
    ],
  });
  new ResponseHeadersPolicy(stack, 'ApiHeaders', {
    securityHeadersBehavior: { contentTypeOptions: { override: true } },
  });
  new ResponseHeadersPolicy(stack, 'PageHeaders', {
    securityHeadersBehavior: {
      contentSecurityPolicy: { contentSecurityPolicy: "default-src 'none'", override: true },
      contentTypeOptions: { override: true },
      frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
      referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: true },
      strictTransportSecurity: {
        accessControlMaxAge: Duration.days(1),
        includeSubdomains: false,
        override: true,
      },
    },
  });
  app.synth();
  deployment = readDeployment(outdir, PLACES);
});
afterAll(() => rm(root, { recursive: true }));

test('a function has its code, limits and environment, resolved to this machine', () => {
  expect(deployment.functions).toEqual([
    {
      name: 'celeriac-dev-api',
      codeDir: expect.stringMatching(/cdk\.out\/asset\.[0-9a-f]+$/),
      handler: 'index.handler',
      timeoutSeconds: 28,
      memoryMb: 512,
      reservedConcurrency: 5,
      environment: {
        QUEUE_URL: 'http://127.0.0.1:4566/000000000000/work',
        BUS: 'mine',
        SECRET_ARN: deployment.secrets[0]?.arn,
        ISSUER: 'http://localhost:8000',
        SOCKET_ENDPOINT: 'http://127.0.0.1:99/ws',
      },
    },
  ]);
});

test('a queue has its attributes, and redrives to the other', () => {
  expect(deployment.queues.find(({ name }) => name === 'work')).toEqual({
    name: 'work',
    url: 'http://127.0.0.1:4566/000000000000/work',
    arn: 'arn:aws:sqs:us-east-1:000000000000:work',
    attributes: {
      VisibilityTimeout: '5400',
      RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":5}',
    },
  });
});

test('buses and buckets have the names that their services allow', () => {
  expect(deployment.buses).toEqual(['mine']);
  expect(deployment.buckets).toEqual([{ name: expect.stringMatching(/^app-kept[a-z0-9]+$/), corsRules: [] }]);
});

test('mappings, routes and rules lead to the function', () => {
  const functionName = 'celeriac-dev-api';
  const target = { arn: `arn:aws:lambda:us-east-1:000000000000:function:${functionName}` };
  expect(deployment).toMatchObject({
    mappings: [
      { functionName, queueName: 'work', batchSize: 10, maximumConcurrency: 4, reportsItemFailures: true },
    ],
    httpRoutes: [{ routeKey: 'ANY /api/{proxy+}', functionName }],
    webSocket: {
      stage: 'ws',
      selection: '$request.body.action',
      routes: [{ routeKey: '$connect', functionName }],
    },
  });
  expect(deployment.rules).toEqual([
    { name: expect.any(String), bus: 'default', schedule: 'rate(1 minute)', targets: [target] },
    { name: expect.any(String), bus: 'mine', pattern: { source: ['celeriac'] }, targets: [target] },
  ]);
});

test('the front door has the deployed function and error pages, and the headers of pages but for what needs TLS', () => {
  expect(deployment.frontDoor).toEqual({
    viewerRequest: 'function handler() {}',
    errorPages: [{ status: 503, responseStatus: 500, path: '/busy.problem' }],
    consoleHeaders: {
      'content-security-policy': "default-src 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    },
  });
});

const LOGIN = { host: '127.0.0.1', port: 55, rolePassword: 'p' };

test('a role logs in with a password at the local server, without TLS', () => {
  const environment = {
    DATABASE_URL: 'postgres://celeriac_api@cluster.example:5432/celeriac?sslmode=verify-full',
    DATABASE_CA_FILE: '/ca.pem',
  };
  expect(functionEnvironment({ environment }, { DATABASE_URL: 'postgres://other' }, LOGIN)).toEqual({
    DATABASE_URL: 'postgres://celeriac_api:p@127.0.0.1:55/celeriac',
  });
});

test('shell variables override local defaults, and those override the template; other variables are left out', () => {
  const environment = { TOKEN_IN_URL: 'refused', OUTBOUND_LOOPBACK: 'refused', STAGE: 'dev' };
  const shell = { OUTBOUND_LOOPBACK: 'allowed', HOME: '/root' };
  expect(functionEnvironment({ environment }, shell, LOGIN)).toEqual({
    TOKEN_IN_URL: 'allowed',
    OUTBOUND_LOOPBACK: 'allowed',
    STAGE: 'dev',
  });
});

test('an intrinsic function that is not known is an error, not a wrong value', () => {
  const references = { ref: () => '', attribute: () => '', imported: () => '' };
  expect(() => resolve({ a: { 'Fn::Cidr': [] } }, references)).toThrow('Fn::Cidr');
  expect(resolve({ 'Fn::Select': [1, { 'Fn::Split': [',', 'a,b'] }] }, references)).toBe('b');
  // CloudFormation's placeholders, not template strings.
  const [placeholder, literal] = ['$' + '{x}', '$' + '{!y}'];
  expect(resolve({ 'Fn::Sub': [placeholder + literal, { x: 1 }] }, references)).toBe(
    `1${literal.replace('!', '')}`,
  );
});
