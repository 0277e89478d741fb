import { ApiGatewayV2Client, GetApisCommand, type ProtocolType } from '@aws-sdk/client-apigatewayv2';
import { EventBridgeClient, ListRuleNamesByTargetCommand } from '@aws-sdk/client-eventbridge';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { SQSClient } from '@aws-sdk/client-sqs';
import { ACCOUNT, REGION } from '../template/physical.ts';
import { CREDENTIALS } from './cdk.ts';

/** Returns clients for the emulator's APIs, and lookups of resources that CloudFormation has named. */
export function awsAt(endpoint: string) {
  const options = { endpoint, region: REGION, credentials: CREDENTIALS };
  const apis = new ApiGatewayV2Client(options);
  const events = new EventBridgeClient(options);
  const lambda = new LambdaClient(options);
  const secretsManager = new SecretsManagerClient(options);
  return {
    events,
    lambda,
    sqs: new SQSClient(options),
    queueUrl: (arn: string) => `${endpoint}/${ACCOUNT}/${arn.split(':').at(-1)}`,
    /** Returns the default bus's rule that calls a function. @throws unless there is exactly one */
    async ruleOf(functionName: string): Promise<string> {
      const TargetArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`;
      const { RuleNames = [] } = await events.send(new ListRuleNamesByTargetCommand({ TargetArn }));
      const [name, ...others] = RuleNames;
      if (!name || others.length > 0) throw new Error(`${RuleNames.length} rules call ${functionName}`);
      return name;
    },
    /** Returns a variable of a deployed function. @throws when the function does not have the variable */
    async variableOf(FunctionName: string, variable: string): Promise<string> {
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      const value = Environment?.Variables?.[variable];
      if (value === undefined) throw new Error(`${FunctionName} has been deployed without ${variable}`);
      return value;
    },
    /** Returns every deployed secret. */
    async secrets(): Promise<{ name: string; value: string }[]> {
      const { SecretList = [] } = await secretsManager.send(new ListSecretsCommand({}));
      return Promise.all(
        SecretList.map(async ({ ARN, Name = '' }) => {
          const found = await secretsManager.send(new GetSecretValueCommand({ SecretId: ARN }));
          return { name: Name, value: found.SecretString ?? '' };
        }),
      );
    },
    /** Returns the id of the API with `protocol`. @throws when there is none */
    async apiId(protocol: ProtocolType): Promise<string> {
      const { Items = [] } = await apis.send(new GetApisCommand({}));
      const found = Items.find(({ ProtocolType }) => ProtocolType === protocol);
      if (!found?.ApiId) throw new Error(`no ${protocol} API has been deployed`);
      return found.ApiId;
    },
  };
}

export type Aws = ReturnType<typeof awsAt>;

/** Returns the addresses of the deployed APIs. At the emulator an API is a path and not a host. */
export async function apisAt(endpoint: string): Promise<{ http: string; socket: string }> {
  const aws = awsAt(endpoint);
  const [http, socket] = await Promise.all([aws.apiId('HTTP'), aws.apiId('WEBSOCKET')]);
  return {
    http: `${endpoint}/_aws/execute-api/${http}/$default`,
    socket: `${endpoint}/_aws/execute-api/${socket}/ws/ws`,
  };
}
