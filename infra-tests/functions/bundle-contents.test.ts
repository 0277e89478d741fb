import { fork, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Bundles, bundleFunctions } from '../../lib/bundle.ts';
import { bundleSizes, filesOf } from '../../lib/bundle-sizes.ts';
import { DATABASE_FUNCTIONS, FUNCTION_NAMES, type FunctionName } from '../../lib/functions.ts';
import { temporary } from '../testing/synthesized.ts';

const REPOSITORY = join(import.meta.dirname, '../..');

/** Functions that need each large package. Contains every package with a client of the SDK. */
const NEEDED_BY: Record<string, readonly FunctionName[]> = {
  '@aws-sdk/client-apigatewaymanagementapi': ['api', 'socket', 'worker', 'dead-letters', 'dispatcher'],
  '@aws-sdk/client-eventbridge': [],
  '@aws-sdk/client-lambda': ['socket'],
  '@aws-sdk/client-s3': ['publish-console'],
  '@aws-sdk/client-secrets-manager': [
    'auth',
    'session',
    'prices',
    'migrate',
    'origin-check',
    'rotate-signing-key',
  ],
  '@aws-sdk/client-sesv2': [],
  '@aws-sdk/client-sqs': ['api', 'worker', 'dispatcher'],
  '@aws-sdk/credential-provider-ini': [],
  '@aws-sdk/credential-provider-sso': [],
  '@aws-sdk/nested-clients': [],
  'csv-parse': ['worker'],
  'drizzle-orm': ['api'],
  'html-to-text': [],
  hono: ['auth', 'session', 'api'],
  jose: ['auth', 'session', 'api', 'socket'],
  'lossless-json': DATABASE_FUNCTIONS,
  nodemailer: [],
  postgres: DATABASE_FUNCTIONS,
  undici: ['worker', 'prices'],
};

let bundles: Bundles;
const places = {
  sourceRoot: join(REPOSITORY, 'functions'),
  consoleRoot: join(REPOSITORY, 'console'),
  outputRoot: temporary('real'),
};

beforeAll(async () => {
  bundles = await bundleFunctions(places);
});

test('whatever a function or a runner loads at its start is smaller than a megabyte', () => {
  // A kind is loaded after the start, by runners that run it.
  const starts = Object.entries(bundleSizes(places.outputRoot)).filter(([name]) => !name.includes('/kinds/'));
  expect(starts.map(([name]) => name)).toEqual(
    expect.arrayContaining(['worker/index.mjs', 'worker/task-runner.mjs', 'api/companions/event-bus.mjs']),
  );
  for (const [name, bytes] of starts) expect([name, bytes < 1_000_000]).toEqual([name, true]);
});

/** Returns the packages that are loaded with a bundle, from the source maps. */
function packagesOf(name: FunctionName, program = 'index'): Set<string> {
  const sources = filesOf(join(bundles[name], `${program}.mjs`)).flatMap(
    (file): string[] => JSON.parse(readFileSync(`${file}.map`, 'utf8')).sources,
  );
  return new Set(sources.flatMap((source) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []));
}

describe('no function carries what it does not need', () => {
  test.each(Object.entries(NEEDED_BY))('%s', (name, functions) => {
    const carriers = FUNCTION_NAMES.filter((fn) => packagesOf(fn).has(name));
    expect(carriers.toSorted()).toEqual([...functions].toSorted());
  });

  test('a runner of tasks starts with the guarded fetch, and without the database, a client, or what a kind needs', () => {
    expect(packagesOf('worker', 'task-runner')).toEqual(
      new Set(['ipaddr.js', 'lossless-json', 'undici', 'zod']),
    );
  });

  test('data.process brings no package of another kind', () => {
    expect(packagesOf('worker', 'kinds/data-process')).toEqual(new Set(['lossless-json', 'zod']));
  });

  test('text.process loads the data of languages only when a task asks for it', () => {
    const packages = packagesOf('worker', 'kinds/text-process');
    expect([...packages]).toEqual(
      expect.arrayContaining(['re2js', 'liquidjs', 'html-to-text', 'diff', 'chardet']),
    );
    expect([...packages].filter((name) => ['eld', 'stopword', 'csv-parse'].includes(name))).toEqual([]);
  });

  test('the worker itself carries no package of a kind that runs in a process of its own', () => {
    // Imports from files, which the worker runs itself, parse CSV.
    const packages = [...packagesOf('worker')].filter((each) => !/^@(aws|smithy)/.test(each));
    expect(packages.toSorted()).toEqual([
      'csv-parse',
      'ipaddr.js',
      'lossless-json',
      'postgres',
      'undici',
      'uuid',
      'zod',
    ]);
  });

  test('functions that publish events load the client from a bundle of its own, which costs no cold start', () => {
    for (const name of ['api', 'worker', 'dead-letters', 'dispatcher'] as const) {
      expect([...packagesOf(name, 'companions/event-bus')]).toContain('@aws-sdk/client-eventbridge');
    }
  });

  test('the worker loads what composes and sends mail from a bundle of its own, which costs no cold start', () => {
    expect([...packagesOf('worker', 'companions/mail')]).toEqual(
      expect.arrayContaining(['nodemailer', 'html-to-text', '@aws-sdk/client-sesv2']),
    );
  });

  test('nor a client that is not in the table', () => {
    const clients = FUNCTION_NAMES.flatMap((name) => [...packagesOf(name)]).filter((each) =>
      each.startsWith('@aws-sdk/client-'),
    );
    expect(Object.keys(NEEDED_BY)).toEqual(expect.arrayContaining([...new Set(clients)]));
  });
});

test('a bundle logs in to the database by IAM, with the credentials that Lambda gives it', async () => {
  const { port, password } = await passwordTaker();
  const script = `
    const { handler } = await import(${JSON.stringify(join(bundles['dead-letters'], 'index.mjs'))});
    const body = JSON.stringify({ v: 1, ids: ['0199c0de-0000-7000-8000-000000000000'] });
    await handler({ Records: [{ body }] }).catch(() => {});
    process.exit();`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: 'ignore',
    env: {
      STAGE: 'test',
      METRICS: 'none',
      DATABASE_URL: `postgres://celeriac_dead_letters@127.0.0.1:${port}/celeriac`,
      SOCKET_ENDPOINT: 'http://127.0.0.1:9',
      EVENT_BUS_NAME: 'celeriac-test',
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_SESSION_TOKEN: 'session',
    },
  });
  const ended = once(child, 'exit');
  const token = new URL(`https://${await password}`);
  expect(token.host).toBe(`127.0.0.1:${port}`);
  expect(Object.fromEntries(token.searchParams)).toMatchObject({
    Action: 'connect',
    DBUser: 'celeriac_dead_letters',
    'X-Amz-Credential': expect.stringMatching(/^AKIDEXAMPLE\/.*\/eu-central-1\/rds-db\/aws4_request$/),
    'X-Amz-Security-Token': 'session',
    'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  await ended;
});

test('the runner that lies beside the worker runs a task, without the worker’s environment', async () => {
  const runner = fork(join(bundles.worker, 'task-runner.mjs'), [], {
    serialization: 'advanced',
    env: { OUTBOUND_LOOPBACK: 'refused' },
  });
  try {
    const answers = on(runner, 'message');
    expect((await answers.next()).value).toEqual([{ type: 'ready' }, undefined]);
    const payload = JSON.stringify({ csv: 'a\n1\n2' });
    const job = { taskId: 'task', kind: 'data.process', payload, attempt: 1 };
    runner.send({ type: 'run', run: 1, job });
    for await (const [answer] of answers) {
      if (answer.type === 'output') continue;
      expect(answer).toMatchObject({ type: 'returned', run: 1 });
      expect(JSON.parse(answer.result)).toMatchObject({ records: 2, columns: [{ name: 'a', sum: 3 }] });
      break;
    }
  } finally {
    runner.kill('SIGKILL');
  }
});

/** Starts a Postgres that asks for a password in clear text, and closes the connection after it has received the password. */
async function passwordTaker(): Promise<{ port: number; password: Promise<string> }> {
  const given = Promise.withResolvers<string>();
  const server = createServer((socket) => {
    socket.once('data', () => {
      // AuthenticationCleartextPassword: its type, its length, and a 3.
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
      socket.once('data', (message) => {
        // The password stands between type and length, and a zero.
        given.resolve(message.subarray(5, -1).toString());
        socket.destroy();
        server.close();
      });
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, password: given.promise };
}
