import { describe, expect, test } from 'vitest';
import { DATABASE_FACTS } from '../../lib/constructs/database/database.ts';
import { functionsOf, type Resource, STAGE_NAMES, synthesized } from '../testing/synthesized.ts';

/*
 * Checks that a restored cluster can replace a lost one, as docs/operating.md describes. The rehearsal itself is in
 * local/ministack/deployed/.
 */

describe.each(STAGE_NAMES)('a restored database of %s', (stage) => {
  const stacks = synthesized(stage);
  const { app, data } = stacks;
  const [[clusterId = '', cluster] = []] = Object.entries(data.findResources('AWS::RDS::DBCluster'));
  const parameters: Record<string, { Type: string; Default: string }> = app.toJSON().Parameters;

  test('changes no export that the other stack imports: CloudFormation would refuse it', () => {
    const exported = JSON.stringify(data.toJSON().Outputs ?? {});
    expect(exported).not.toContain(`"${clusterId}"`);
    for (const id of Object.keys(data.findResources('AWS::RDS::DBInstance')))
      expect(exported).not.toContain(id);
  });

  test('is described by parameters, which the other stack looks up at every deployment', () => {
    const written = Object.values(data.findResources('AWS::SSM::Parameter')).filter(({ Properties }) =>
      JSON.stringify(Properties.Value).includes(`"${clusterId}"`),
    );
    expect(written).toHaveLength(DATABASE_FACTS.length);
    for (const { Properties } of written) {
      const [read, ...more] = Object.values(parameters).filter(({ Default }) => Default === Properties.Name);
      expect(more).toEqual([]);
      expect(read?.Type).toBe('AWS::SSM::Parameter::Value<String>');
      // With this mark, the `cdk` command would skip a stack whose template is unchanged.
      expect(JSON.stringify(read)).not.toContain('[cdk:skip]');
    }
  });

  test('is made of the snapshot that a parameter names, which CloudFormation keeps for later deployments', () => {
    const { RestoreFrom } = data.toJSON().Parameters;
    expect(RestoreFrom).toMatchObject({ Type: 'String', Default: '' });
    const [condition] = Object.keys(data.toJSON().Conditions);
    const { SnapshotIdentifier, MasterUsername, DatabaseName } = cluster?.Properties ?? {};
    const nothing = { Ref: 'AWS::NoValue' };
    expect(SnapshotIdentifier).toEqual({ 'Fn::If': [condition, { Ref: 'RestoreFrom' }, nothing] });
    expect(MasterUsername).toEqual({ 'Fn::If': [condition, nothing, 'celeriac_admin'] });
    expect(DatabaseName).toEqual({ 'Fn::If': [condition, nothing, 'celeriac'] });
  });

  test('is migrated before a function uses it, at its own address', () => {
    const [reads] = Object.entries(parameters)
      .filter(([, { Default }]) => Default.endsWith('/database/ResourceId'))
      .map(([name]) => name);
    const functions = functionsOf(stacks);
    const migrating = Object.values(app.findResources('Custom::Trigger')).find(({ Properties }: Resource) =>
      JSON.stringify(Properties.HandlerArn).includes(functions.migrate.id),
    );
    expect(migrating?.Properties.RunsAgainFor).toContainEqual({ Ref: reads });
    // A version would keep the address of the previous database.
    expect(JSON.stringify(migrating?.Properties.HandlerArn)).toContain('$LATEST');
  });
});
