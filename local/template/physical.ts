import type { Assembly, Resource } from './assembly.ts';
import { type References, resolve } from './intrinsics.ts';

export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';

/** Addresses of the emulators, without a trailing slash. */
export interface Places {
  readonly database: { readonly host: string; readonly port: number };
  /** SQS, e.g. `http://127.0.0.1:4566`. */
  readonly queues: string;
  /**
   * Address that replaces `https://<id>.execute-api.<region>.amazonaws.com` of the WebSocket API, for posts to
   * connections.
   */
  readonly webSocketManagement: string;
  /** Address that replaces the addresses of the HTTP API and the front door. */
  readonly frontDoor: string;
}

const NOWHERE = 'http://nowhere.invalid';

/** Addresses for a reader of the template who connects to none of them. */
export const NO_PLACES: Places = {
  database: { host: 'nowhere.invalid', port: 5432 },
  queues: NOWHERE,
  webSocketManagement: NOWHERE,
  frontDoor: NOWHERE,
};

/** Results of `Ref` and `Fn::GetAtt` for a resource on this machine. */
interface Physical {
  readonly ref: string;
  readonly attributes: Readonly<Record<string, string>>;
}

type Describe = (resource: Resource, properties: Record<string, unknown>, places: Places) => Physical;

const PSEUDO_PARAMETERS: Record<string, string> = {
  'AWS::AccountId': ACCOUNT,
  'AWS::Region': REGION,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::NoValue': '',
};

/**
 * The resource types that the functions' wiring refers to. Every other type gets values that name the resource but are
 * not real.
 */
const DESCRIBE: Record<string, Describe> = {
  'AWS::Lambda::Function': (resource, { FunctionName }) =>
    named(resource, { name: FunctionName, service: 'lambda', kind: 'function:' }),
  'AWS::SQS::Queue': (resource, { QueueName }, places) => {
    const { ref, attributes } = named(resource, { name: QueueName, service: 'sqs', kind: '' });
    const url = `${places.queues}/${ACCOUNT}/${ref}`;
    return { ref: url, attributes: { ...attributes, QueueName: ref, QueueUrl: url } };
  },
  'AWS::Events::EventBus': (resource, { Name }) => {
    const { ref, attributes } = named(resource, { name: Name, service: 'events', kind: 'event-bus/' });
    return { ref, attributes: { ...attributes, Name: ref } };
  },
  'AWS::S3::Bucket': (resource, { BucketName }) => {
    const { ref } = named(resource, { name: BucketName, service: 's3', kind: '' });
    const name = ref.toLowerCase();
    return { ref: name, attributes: { Arn: `arn:aws:s3:::${name}` } };
  },
  'AWS::RDS::DBCluster': (resource, _properties, { database }) => ({
    ref: resource.logicalId,
    attributes: {
      'Endpoint.Address': database.host,
      'Endpoint.Port': String(database.port),
      'ReadEndpoint.Address': database.host,
      DBClusterResourceId: `cluster-${resource.logicalId}`,
      'MasterUserSecret.SecretArn': `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:rds!${resource.logicalId}`,
    },
  }),
  'AWS::SecretsManager::Secret': (resource, { Name }) => ({
    ref: named(resource, { name: Name, service: 'secretsmanager', kind: 'secret:' }).attributes.Arn ?? '',
    attributes: {},
  }),
  'AWS::ApiGatewayV2::Api': (resource) => {
    const id = apiId(resource);
    return { ref: id, attributes: { ApiId: id, ApiEndpoint: `https://${executeApiHost(resource)}` } };
  },
  'AWS::CloudFront::Distribution': (resource) => ({
    ref: resource.logicalId,
    attributes: { DomainName: distributionHost(resource), Id: resource.logicalId },
  }),
};

/** Returns lookups of the local values of every resource of the assembly. */
export function locate(assembly: Assembly, places: Places) {
  const known = new Map<string, Physical>();
  const byKey = new Map(
    assembly.resources.map((resource) => [key(resource.stack, resource.logicalId), resource]),
  );

  function physical(stack: string, logicalId: string): Physical {
    const found = known.get(key(stack, logicalId));
    if (found) return found;
    const resource = byKey.get(key(stack, logicalId));
    const describe = resource && DESCRIBE[resource.type];
    const described = describe
      ? describe(resource, resolve(namesOf(resource), referencesOf(stack)) as Record<string, unknown>, places)
      : { ref: logicalId, attributes: {} };
    known.set(key(stack, logicalId), described);
    return described;
  }

  /**
   * Returns the value of a template's parameter: the value that another stack writes into its SSM parameter, or its
   * default.
   */
  function parameter(stack: string, name: string): unknown {
    const found = assembly.parameters.get(key(stack, name));
    if (!found?.type.startsWith('AWS::SSM::Parameter::Value<')) return found?.value;
    const written = assembly.resources.find(
      ({ type, properties }) => type === 'AWS::SSM::Parameter' && properties.Name === found.value,
    );
    return written && resolve(written.properties.Value, referencesOf(written.stack));
  }

  function referencesOf(stack: string): References {
    return {
      ref: (name) =>
        name === 'AWS::StackName'
          ? stack
          : (PSEUDO_PARAMETERS[name] ?? parameter(stack, name) ?? physical(stack, name).ref),
      attribute: (logicalId, attribute) =>
        physical(stack, logicalId).attributes[attribute] ??
        `arn:aws:local:${REGION}:${ACCOUNT}:${logicalId}/${attribute}`,
      imported: (name) => {
        const found = assembly.exports.get(name);
        if (!found) throw new Error(`no stack exports ${name}`);
        return resolve(found.value, referencesOf(found.stack));
      },
    };
  }

  const addresses = localAddresses(assembly, places);
  return {
    ref: (resource: Resource) => physical(resource.stack, resource.logicalId).ref,
    arn: (resource: Resource) => physical(resource.stack, resource.logicalId).attributes.Arn ?? '',
    /** ARN of the secret that RDS keeps for a cluster's owner. */
    ownerSecret: (resource: Resource) =>
      physical(resource.stack, resource.logicalId).attributes['MasterUserSecret.SecretArn'] ?? '',
    properties: (resource: Resource) =>
      resolve(resource.properties, referencesOf(resource.stack)) as Record<string, unknown>,
    /** Replaces the public addresses of the stacks' endpoints by local addresses. */
    localize: (text: string) =>
      addresses.reduce((result, [address, local]) => result.replaceAll(address, local), text),
  };
}

/** Returns the public addresses of the stacks' endpoints with their local replacements. */
function localAddresses(assembly: Assembly, places: Places): [string, string][] {
  const addresses: [string, string][] = [];
  for (const resource of assembly.resources) {
    if (resource.type === 'AWS::ApiGatewayV2::Api') {
      const isWebSocket = resource.properties.ProtocolType === 'WEBSOCKET';
      const local = isWebSocket ? places.webSocketManagement : places.frontDoor;
      addresses.push([`https://${executeApiHost(resource)}`, local]);
    } else if (resource.type === 'AWS::CloudFront::Distribution') {
      addresses.push([`https://${distributionHost(resource)}`, places.frontDoor]);
    }
  }
  return addresses;
}

const key = (stack: string, logicalId: string) => `${stack}/${logicalId}`;
const apiId = ({ logicalId }: Resource) => logicalId.toLowerCase();
const executeApiHost = (resource: Resource) => `${apiId(resource)}.execute-api.${REGION}.amazonaws.com`;
const distributionHost = ({ logicalId }: Resource) => `${logicalId.toLowerCase()}.cloudfront.net`;

/** Returns only the properties that name a resource. The other properties may refer back to the resource. */
function namesOf({ properties }: Resource): Record<string, unknown> {
  const { FunctionName, QueueName, BucketName, Name } = properties;
  return { FunctionName, QueueName, BucketName, Name };
}

/**
 * Describes a resource whose `Ref` is its name. Without a name it is named after stack and logical id, as
 * CloudFormation does.
 */
function named(
  resource: Resource,
  { name, service, kind }: { name: unknown; service: string; kind: string },
): Physical {
  const ref = typeof name === 'string' && name ? name : `${resource.stack}-${resource.logicalId}`;
  return { ref, attributes: { Arn: `arn:aws:${service}:${REGION}:${ACCOUNT}:${kind}${ref}` } };
}
