import { readAssembly } from '../template/assembly.ts';
import { awsAt } from './aws.ts';

/**
 * Returns the headers that the deployed front door adds to every request: the names from the template, the values from
 * the deployed secrets. Empty when the template has no such headers.
 */
export async function originHeaders(assembly: string, endpoint: string): Promise<Record<string, string>> {
  const secrets = await awsAt(endpoint).secrets();
  const headers: Record<string, string> = {};
  for (const { type, properties, stack } of readAssembly(assembly).resources) {
    if (type !== 'AWS::CloudFront::Distribution') continue;
    for (const { name, secret } of customHeaders(properties)) {
      const found = secrets.find((each) => each.name.startsWith(`${stack}-${secret}-`));
      if (!found) throw new Error(`no deployed secret is ${secret}, which the header ${name} refers to`);
      headers[name] = found.value;
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
