import type { Resource, Template } from './template.ts';

/** Logical id of the stand-in for the secret that RDS keeps for a cluster's owner. */
export const ownerSecretOf = (cluster: string) => `${cluster}OwnerSecret`;

/** The template with a secret for the owner of each cluster whose password RDS would make: the emulator's CloudFormation makes none. */
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

/** The name as it stands there, or that of a cluster which is not made of a snapshot. */
function userOf({ Properties = {} }: Resource): unknown {
  const name = Properties.MasterUsername as string | { 'Fn::If'?: unknown[] };
  return typeof name === 'string' ? name : name['Fn::If']?.at(-1);
}
