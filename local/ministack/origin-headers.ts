import {
  GetSecretValueCommand,
  ListSecretsCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { readAssembly } from '../template/assembly.ts';
import { CREDENTIALS, REGION } from './cdk.ts';

/**
 * Returns the headers that the deployed front door adds to every request: the names from the template, the values from
 * the deployed secrets. Empty when the template has no such headers.
 */
export async function originHeaders(assembly: string, endpoint: string): Promise<Record<string, string>> {
  const client = new SecretsManagerClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  const { SecretList = [] } = await client.send(new ListSecretsCommand({}));
  const headers: Record<string, string> = {};
  for (const { type, properties, stack } of readAssembly(assembly).resources) {
    if (type !== 'AWS::CloudFront::Distribution') continue;
    for (const { name, secret } of customHeaders(properties)) {
      const found = SecretList.find(({ Name }) => Name?.startsWith(`${stack}-${secret}-`));
      if (!found) throw new Error(`no deployed secret is ${secret}, which the header ${name} refers to`);
      const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: found.ARN }));
      headers[name] = SecretString;
    }
  }
  return headers;
}

/** Returns the names of the headers for origins, each with the logical id of the secret that holds its value. */
function customHeaders(item: unknown): { name: string; secret: string }[] {
  if (item === null || typeof item !== 'object') return [];
  const { HeaderName, HeaderValue } = item as { HeaderName?: unknown; HeaderValue?: unknown };
  const secret = /"Ref":"([^"]+)"/.exec(JSON.stringify(HeaderValue ?? ''))?.[1];
  if (typeof HeaderName === 'string' && secret) return [{ name: HeaderName, secret }];
  return Object.values(item).flatMap(customHeaders);
}
