import { ApiGatewayV2Client, GetApisCommand, type ProtocolType } from '@aws-sdk/client-apigatewayv2';
import { EventBridgeClient, ListRuleNamesByTargetCommand } from '@aws-sdk/client-eventbridge';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SQSClient } from '@aws-sdk/client-sqs';
import { ACCOUNT, CREDENTIALS, REGION } from './cdk.ts';

/** Clients of the emulator's APIs, and how to find there what CloudFormation has named. */
export function awsAt(endpoint: string) {
  const options = { endpoint, region: REGION, credentials: CREDENTIALS };
  const apis = new ApiGatewayV2Client(options);
  const events = new EventBridgeClient(options);
  const lambda = new LambdaClient(options);
  return {
    events,
    lambda,
    sqs: new SQSClient(options),
    queueUrl: (arn: string) => `${endpoint}/${ACCOUNT}/${arn.split(':').at(-1)}`,
    /** The rule of the default bus that calls a function. @throws when there is not just one */
    async ruleOf(functionName: string): Promise<string> {
      const TargetArn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`;
      const { RuleNames = [] } = await events.send(new ListRuleNamesByTargetCommand({ TargetArn }));
      const [name, ...others] = RuleNames;
      if (!name || others.length > 0) throw new Error(`${RuleNames.length} rules call ${functionName}`);
      return name;
    },
    /** A variable of a function as deployed. @throws when it has none of that name */
    async variableOf(FunctionName: string, variable: string): Promise<string> {
      const { Environment } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      const value = Environment?.Variables?.[variable];
      if (value === undefined) throw new Error(`${FunctionName} has been deployed without ${variable}`);
      return value;
    },
    /** The id of the API that speaks `protocol`. @throws when none does */
    async apiId(protocol: ProtocolType): Promise<string> {
      const { Items = [] } = await apis.send(new GetApisCommand({}));
      const found = Items.find(({ ProtocolType }) => ProtocolType === protocol);
      if (!found?.ApiId) throw new Error(`no ${protocol} API has been deployed`);
      return found.ApiId;
    },
  };
}

export type Aws = ReturnType<typeof awsAt>;

/** Where the deployed APIs are: at the emulator, an API is a path and not a host. */
export async function apisAt(endpoint: string): Promise<{ http: string; socket: string }> {
  const aws = awsAt(endpoint);
  const [http, socket] = await Promise.all([aws.apiId('HTTP'), aws.apiId('WEBSOCKET')]);
  return {
    http: `${endpoint}/_aws/execute-api/${http}/$default`,
    socket: `${endpoint}/_aws/execute-api/${socket}/ws/ws`,
  };
}
