import { describe, expect, test } from 'vitest';
import { DATABASE_FUNCTIONS, FUNCTION_NAMES, FUNCTIONS } from '../../lib/functions.ts';
import {
  allowed,
  functionsOf,
  listed,
  STAGE_NAMES,
  statementsOf,
  synthesized,
} from '../testing/synthesized.ts';

describe.each(STAGE_NAMES)('what functions may do in %s', (stage) => {
  const stacks = synthesized(stage);
  const functions = functionsOf(stacks);
  const variable = (name: (typeof FUNCTION_NAMES)[number], key: string) =>
    functions[name].resource.Properties.Environment.Variables[key];

  test('each runs under a role of its own, without managed policies', () => {
    const roles = FUNCTION_NAMES.map((name) => functions[name].resource.Properties.Role['Fn::GetAtt'][0]);
    expect(new Set(roles).size).toBe(FUNCTION_NAMES.length);
    for (const role of roles) {
      expect(stacks.app.findResources('AWS::IAM::Role')[role]?.Properties).not.toHaveProperty(
        'ManagedPolicyArns',
      );
    }
  });

  describe.each(FUNCTION_NAMES)('%s', (name) => {
    const statements = statementsOf(stacks, name);

    test('is allowed no action by wildcard, and no resource either but network interfaces, traces and the rate of SES', () => {
      for (const { Effect, Action, Resource } of statements) {
        for (const action of listed(Action)) expect(action).not.toContain('*');
        if (Effect !== 'Allow' || !listed(Resource).includes('*')) continue;
        expect(listed(Action).filter((action) => !/^(ec2|xray):|^ses:GetAccount$/.test(action))).toEqual([]);
      }
    });

    test('is denied, as code, the network rights that its sandbox needs, if it needs any', () => {
      const of = (effect: string) => statements.filter(({ Effect }) => Effect === effect);
      if (!FUNCTIONS[name].database) {
        const actions = statements.flatMap(({ Action }) => listed(Action));
        return expect(actions.filter((action) => action.startsWith('ec2:'))).toEqual([]);
      }
      const network = of('Allow').find(
        ({ Action, Resource }) =>
          Resource === '*' && listed(Action).every((action) => action.startsWith('ec2:')),
      );
      expect(of('Deny')).toEqual([
        {
          ...network,
          Effect: 'Deny',
          Condition: { ArnEquals: { 'lambda:SourceFunctionArn': [expect.anything()] } },
        },
      ]);
      expect(JSON.stringify(of('Deny'))).toContain(`:function:celeriac-${stage}-${name}"`);
    });
  });

  test('nobody else’s role has a wildcard either, and no managed policy but the library’s two', () => {
    const own = new Set<string>(
      FUNCTION_NAMES.map((name) => functions[name].resource.Properties.Role['Fn::GetAtt'][0]),
    );
    for (const template of [stacks.app, stacks.data]) {
      const roles = Object.entries(template.findResources('AWS::IAM::Role')).filter(([id]) => !own.has(id));
      const attached = Object.values(template.findResources('AWS::IAM::Policy')).filter(
        ({ Properties }) => !Properties.Roles.some(({ Ref }: { Ref: string }) => own.has(Ref)),
      );
      const documents = [
        ...roles.flatMap(([, { Properties }]) => Properties.Policies ?? []),
        ...attached.map(({ Properties }) => Properties),
      ].map(({ PolicyDocument }) => PolicyDocument);
      for (const { Action, Resource } of documents.flatMap(({ Statement }) => Statement)) {
        for (const action of listed<string>(Action)) expect(action).not.toContain('*');
        expect(listed(Resource)).not.toContain('*');
      }
      const managed = roles.flatMap(([, { Properties }]) => Properties.ManagedPolicyArns ?? []);
      for (const policy of managed) {
        expect(JSON.stringify(policy)).toMatch(
          /service-role\/(AWSLambdaBasicExecutionRole|AmazonAPIGatewayPushToCloudWatchLogs)"/,
        );
      }
    }
  });

  test('no resource policy allows everybody', () => {
    const types = ['AWS::S3::BucketPolicy', 'AWS::SQS::QueuePolicy', 'AWS::SNS::TopicPolicy'];
    const statements = [stacks.app, stacks.data].flatMap((template) =>
      types.flatMap((type) =>
        Object.values(template.findResources(type)).flatMap(
          ({ Properties }) => Properties.PolicyDocument.Statement,
        ),
      ),
    );
    const allowing = statements.filter(({ Effect }) => Effect === 'Allow');
    expect(allowing).not.toEqual([]);
    for (const { Principal } of allowing) {
      // The library's function that empties a bucket before its stack is deleted.
      const isEmptier = JSON.stringify(Principal.AWS)?.includes('S3AutoDeleteObjects');
      expect(Object.keys(Principal)).toEqual([isEmptier ? 'AWS' : 'Service']);
    }
    for (const { Properties } of Object.values(stacks.app.findResources('AWS::Lambda::Permission'))) {
      expect(Properties.Principal).toMatch(/^[a-z]+\.amazonaws\.com$/);
      expect(Properties.SourceArn).toBeDefined();
    }
  });

  test('only auth, session and the rotation can read the signing key', () => {
    const reference = variable('auth', 'SIGNING_SECRET_ARN');
    const readers = FUNCTION_NAMES.filter((name) =>
      JSON.stringify(statementsOf(stacks, name)).includes(JSON.stringify(reference)),
    );
    expect(readers).toEqual(['auth', 'session', 'rotate-signing-key']);
    expect(FUNCTION_NAMES.filter((name) => variable(name, 'SIGNING_SECRET_ARN'))).toEqual(readers);
    expect(allowed(stacks, 'secretsmanager:GetSecretValue')).toEqual([
      'auth',
      'session',
      'migrate',
      'origin-check',
      'rotate-signing-key',
    ]);
  });

  test.each(['INTERACTIVE_QUEUE_URL', 'BULK_QUEUE_URL'])(
    'api, worker and dispatcher alone wake the worker: %s',
    (url) => {
      const queue: string = variable('api', url).Ref;
      expect(allowed(stacks, 'sqs:SendMessage', `"${queue}"`)).toEqual(['api', 'worker', 'dispatcher']);
      expect(FUNCTION_NAMES.filter((name) => variable(name, url))).toEqual(['api', 'worker', 'dispatcher']);
    },
  );

  test.each(['INTERACTIVE_QUEUE_URL', 'BULK_QUEUE_URL'])(
    'the worker alone gives messages back that it could not work on: %s',
    (url) => {
      const queue: string = variable('worker', url).Ref;
      expect(allowed(stacks, 'sqs:ChangeMessageVisibility', `"${queue}"`)).toEqual(['worker']);
    },
  );

  test('functions that write tasks may post to connections, of this API and stage only', () => {
    const pushers = ['api', 'socket', 'worker', 'dead-letters', 'dispatcher'];
    const [api] = Object.keys(
      stacks.app.findResources('AWS::ApiGatewayV2::Api', { Properties: { ProtocolType: 'WEBSOCKET' } }),
    );
    expect(allowed(stacks, 'execute-api:ManageConnections')).toEqual(pushers);
    expect(
      allowed(stacks, 'execute-api:ManageConnections', `{"Ref":"${api}"},"/ws/*/@connections/*"`),
    ).toEqual(pushers);
    expect(FUNCTION_NAMES.filter((name) => variable(name, 'SOCKET_ENDPOINT'))).toEqual(pushers);
  });

  test('functions that end tasks may publish domain events, on this bus only', () => {
    const publishers = ['api', 'worker', 'dead-letters', 'dispatcher'];
    const [bus] = Object.keys(stacks.app.findResources('AWS::Events::EventBus'));
    const statements = FUNCTION_NAMES.flatMap((name) => statementsOf(stacks, name)).filter(({ Action }) =>
      listed(Action).includes('events:PutEvents'),
    );
    expect(allowed(stacks, 'events:PutEvents')).toEqual(publishers);
    expect(statements.map(({ Resource }) => Resource)).toEqual(
      publishers.map(() => ({ 'Fn::GetAtt': [bus, 'Arn'] })),
    );
    expect(FUNCTION_NAMES.filter((name) => variable(name, 'EVENT_BUS_NAME'))).toEqual(publishers);
  });

  test('only the socket may invoke a function: itself', () => {
    expect(allowed(stacks, 'lambda:InvokeFunction')).toEqual(['socket']);
    expect(allowed(stacks, 'lambda:InvokeFunction', `:function:celeriac-${stage}-socket"`)).toEqual([
      'socket',
    ]);
  });

  test('the worker alone may open connections to ports other than HTTPS and Postgres', () => {
    const groups = stacks.app.findResources('AWS::EC2::SecurityGroup');
    const ports = (name: (typeof FUNCTION_NAMES)[number]) => {
      const [group] = functions[name].resource.Properties.VpcConfig.SecurityGroupIds;
      const rules: { FromPort?: number; ToPort?: number }[] =
        groups[group['Fn::GetAtt'][0]]?.Properties.SecurityGroupEgress;
      return rules.map(({ FromPort, ToPort }) => `${FromPort}-${ToPort}`);
    };
    const open = DATABASE_FUNCTIONS.filter((name) => ports(name).some((range) => range !== '443-443'));
    expect(open).toEqual(['worker']);
  });
});
