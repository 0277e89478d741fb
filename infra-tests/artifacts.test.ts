import { describe, expect, test } from 'vitest';
import { FUNCTION_NAMES } from '../lib/functions.ts';
import {
  allowed,
  functionsOf,
  listed,
  STAGE_NAMES,
  statementsOf,
  synthesized,
} from './testing/synthesized.ts';

describe.each(STAGE_NAMES)('the artifacts bucket of %s', (stage) => {
  const stacks = synthesized(stage);
  const [bucket] = Object.values(stacks.data.findResources('AWS::S3::Bucket'));

  /** Returns the ends of the ARNs of the objects on which a function may perform an action. */
  const objects = (name: (typeof FUNCTION_NAMES)[number], action: string) =>
    statementsOf(stacks, name)
      .filter(({ Action }) => listed(Action).includes(action))
      .flatMap(({ Resource }) => listed(Resource))
      .flatMap((resource) => /\/([a-z]+\/\*)"/.exec(JSON.stringify(resource))?.[1] ?? [])
      .toSorted();

  test('forgets uploads after a day, reports after a month, and results and artifacts when nobody can keep them any longer', () => {
    expect(bucket?.Properties.LifecycleConfiguration.Rules).toEqual([
      { Prefix: 'uploads/', ExpirationInDays: 1, Status: 'Enabled' },
      { Prefix: 'reports/', ExpirationInDays: 30, Status: 'Enabled' },
      { Prefix: 'results/', ExpirationInDays: 3_651, Status: 'Enabled' },
      { Prefix: 'artifacts/', ExpirationInDays: 3_651, Status: 'Enabled' },
      { AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' },
    ]);
  });

  test('lets browsers use the addresses that the API gives out', () => {
    const [rule] = bucket?.Properties.CorsConfiguration.CorsRules ?? [];
    expect(rule).toMatchObject({
      AllowedMethods: ['PUT', 'GET'],
      AllowedOrigins: ['*'],
      AllowedHeaders: ['*'],
    });
  });

  test('is told to those alone who use it', () => {
    const told = FUNCTION_NAMES.filter(
      (name) => functionsOf(stacks)[name].resource.Properties.Environment.Variables.ARTIFACTS_BUCKET,
    );
    expect(told).toEqual(['api', 'worker', 'dispatcher']);
    expect(allowed(stacks, 's3:PutObject', 'Artifacts')).toEqual(['api', 'worker']);
    for (const action of ['s3:GetObject', 's3:ListBucket'])
      expect(allowed(stacks, action, 'Artifacts')).toEqual(['api', 'worker', 'dispatcher']);
    expect(allowed(stacks, 's3:DeleteObject', 'Artifacts')).toEqual(['worker', 'dispatcher']);
  });

  test('takes uploads through the api, what tasks write from the worker, and artifacts from both', () => {
    expect([objects('api', 's3:PutObject'), objects('worker', 's3:PutObject')]).toEqual([
      ['artifacts/*', 'uploads/*'],
      ['artifacts/*', 'reports/*', 'results/*'],
    ]);
    // Only the worker sends objects in parts, and may give them up.
    expect(allowed(stacks, 's3:AbortMultipartUpload', 'Artifacts')).toEqual(['worker']);
    expect(objects('worker', 's3:AbortMultipartUpload')).toEqual(['artifacts/*']);
    // It checks if an upload exists, and reads none. S3 needs the right to GET for this check.
    expect(objects('dispatcher', 's3:GetObject')).toEqual(['uploads/*']);
    // Only the dispatcher removes artifacts: it marks their rows first.
    expect(objects('dispatcher', 's3:DeleteObject')).toEqual(['artifacts/*', 'results/*', 'uploads/*']);
    expect(objects('worker', 's3:DeleteObject')).toEqual(['reports/*', 'results/*', 'uploads/*']);
    const all = ['artifacts/*', 'reports/*', 'results/*', 'uploads/*'];
    expect([objects('api', 's3:GetObject'), objects('worker', 's3:GetObject')]).toEqual([all, all]);
  });
});
