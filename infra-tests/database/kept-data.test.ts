import { describe, expect, test } from 'vitest';
import { appOf, STAGE_NAMES, synthesized, temporary } from '../testing/synthesized.ts';

/**
 * Resources that hold data, with their deployed logical ids and their fate when they are replaced. When this test fails,
 * do not rename anything: CloudFormation would create an empty resource and delete the full one. The owner's password is
 * not in the list, because a new password serves as well.
 */
const KEPT = [
  { type: 'AWS::RDS::DBCluster', id: 'DatabaseCluster5B53A178', fate: 'Snapshot' },
  { type: 'AWS::SecretsManager::Secret', id: 'SigningSecretCF7EC744', fate: 'Retain' },
  { type: 'AWS::S3::Bucket', id: 'Artifacts82DD59A1', fate: 'Retain' },
] as const;

/** Properties whose change makes CloudFormation replace the cluster. */
const REPLACING = [
  'DBClusterIdentifier',
  'DBSubnetGroupName',
  'DatabaseName',
  'Engine',
  'EngineMode',
  'KmsKeyId',
  'StorageEncrypted',
] as const;

describe.each(STAGE_NAMES)('data of %s', (stage) => {
  const { data, app } = synthesized(stage);

  test.each(KEPT)(
    '$type lies where it has been deployed, and outlives what replaces it',
    ({ type, id, fate }) => {
      const found = data.findResources(type);
      expect(Object.keys(found)).toContain(id);
      expect(found[id]).toHaveProperty('UpdateReplacePolicy', fate);
    },
  );

  test('is the only resource of its type', () => {
    for (const type of [
      'AWS::RDS::DBCluster',
      'AWS::S3::Bucket',
      'AWS::DynamoDB::Table',
      'AWS::EFS::FileSystem',
    ]) {
      const known = KEPT.filter((kept) => kept.type === type).map(({ id }) => id);
      expect(Object.keys(data.findResources(type))).toEqual(known);
    }
  });

  test('is not lost when the cluster is replaced', () => {
    const [cluster] = Object.values(data.findResources('AWS::RDS::DBCluster'));
    expect(Object.fromEntries(REPLACING.map((name) => [name, cluster?.Properties[name]]))).toEqual({
      DBClusterIdentifier: undefined,
      DBSubnetGroupName: { Ref: 'DatabaseClusterSubnets5540150D' },
      DatabaseName: { 'Fn::If': [expect.any(String), { Ref: 'AWS::NoValue' }, 'celeriac'] },
      Engine: 'aurora-postgresql',
      EngineMode: undefined,
      KmsKeyId: undefined,
      StorageEncrypted: true,
    });
  });

  test('lies in a stack of its own, so that the stack of the functions can be deleted', () => {
    for (const type of ['AWS::RDS::DBCluster', 'AWS::DynamoDB::Table', 'AWS::EFS::FileSystem']) {
      app.resourceCountIs(type, 0);
    }
    // The only function is the library's, which empties the bucket of a stage that does not keep its data.
    data.resourceCountIs('AWS::Lambda::Function', stage === 'dev' ? 1 : 0);
  });
});

test.each(STAGE_NAMES)(
  '%s can be taken down whatever its buckets hold: what goes is emptied, the rest stays',
  (stage) => {
    for (const template of Object.values(synthesized(stage)).filter((each) => typeof each !== 'string')) {
      const emptied = Object.values(template.findResources('Custom::S3AutoDeleteObjects')).map(
        ({ Properties }) => Properties.BucketName.Ref,
      );
      const going = Object.entries(template.findResources('AWS::S3::Bucket'))
        .filter(([, { DeletionPolicy }]) => DeletionPolicy !== 'Retain')
        .map(([id]) => id);
      expect(emptied.toSorted()).toEqual(going.toSorted());
      expect(going).toHaveLength(stage === 'dev' ? 1 : 0);
    }
  },
);

test.each(KEPT)(
  'in prod, $type also outlives its stack, which is guarded against deletion',
  ({ type, id, fate }) => {
    const { data } = synthesized('prod');
    expect(data.findResources(type)[id]).toHaveProperty('DeletionPolicy', fate);
    const assembly = appOf('prod', temporary('guarded')).synth();
    expect(assembly.getStackByName('Celeriac-prod-Data').terminationProtection).toBe(true);
  },
);
