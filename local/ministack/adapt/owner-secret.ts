import type { Resource, Template } from './template.ts';

/** Returns the logical id of the secret that replaces the one that RDS creates for a cluster's owner. */
export const ownerSecretOf = (cluster: string) => `${cluster}OwnerSecret`;

/**
 * Adds an owner secret for each cluster whose password RDS would create. The emulator's CloudFormation creates none.
 */
export function withOwnerSecrets(template: Template): Template {
  const secrets = Object.entries(template.Resources)
    .filter(
      ([, { Type, Properties }]) => Type === 'AWS::RDS::DBCluster' && Properties?.ManageMasterUserPassword,
    )
    .map(([id, cluster]): [string, Resource] => [
      ownerSecretOf(id),
      {
        Type: 'AWS::SecretsManager::Secret',
        Properties: {
          GenerateSecretString: {
            SecretStringTemplate: JSON.stringify({ username: userOf(cluster) }),
            GenerateStringKey: 'password',
            ExcludePunctuation: true,
          },
        },
      },
    ]);
  return { ...template, Resources: { ...template.Resources, ...Object.fromEntries(secrets) } };
}

/** Returns the master user's name. With `Fn::If` the name for a cluster without a snapshot counts. */
function userOf({ Properties = {} }: Resource): unknown {
  const name = Properties.MasterUsername as string | { 'Fn::If'?: unknown[] };
  return typeof name === 'string' ? name : name['Fn::If']?.at(-1);
}
