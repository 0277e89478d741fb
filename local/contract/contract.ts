/**
 * `npm run test:contract`: holds the API to its own description. Starts Celeriac with a database of its own, registers a user,
 * lints `/api/openapi.json` with Redocly, and has Schemathesis ask every operation.
 *
 * SCHEMATHESIS says where the tool is installed (`.ci/contract` installs it). Arguments go to Schemathesis, after the
 * usual ones: `npm run test:contract -- --seed 7 --max-examples 500`.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../process/free-port.ts';
import { startRuntime } from '../runtime.ts';

/** The same requests every time. */
const SEED = '1';
/** Requests that are made up for each operation in the fuzzing phase; the phase of boundaries makes some 60 of each beside. */
const EXAMPLES = '3';

const USER = { username: 'contract', email: 'contract@example.com', password: 'a long enough password' };

const directory = await mkdtemp(join(tmpdir(), 'celeriac-contract-'));
const runtime = await startRuntime({
  port: await freePort(),
  wsPort: await freePort(),
  dataDir: directory,
  // Requests of tasks that the tool makes up stay on this machine.
  env: { ...process.env, POWERTOOLS_LOG_LEVEL: 'WARN' },
  log: () => {},
});
let passed = false;
try {
  passed = await holds(runtime.url);
} finally {
  await runtime.stop();
  await rm(directory, { recursive: true, force: true });
}
process.exit(passed ? 0 : 1);

async function holds(url: string): Promise<boolean> {
  const registered = await fetch(`${url}/api/auth/register/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(USER),
  });
  if (registered.status !== 201) throw new Error(`Registration answered ${registered.status}`);
  const document = join(directory, 'openapi.json');
  await writeFile(document, await (await fetch(`${url}/api/openapi.json`)).text());
  return (await lint(document)) && (await ask(url));
}

/** Redocly's recommended rules. In their strict form, what would be a warning is an error. */
function lint(document: string): Promise<boolean> {
  return succeeds('redocly', [
    ...['lint', document, '--extends', 'recommended-strict', '--max-problems', '1000'],
    ...['--format', 'stylish'],
  ]);
}

function ask(url: string): Promise<boolean> {
  const tool = process.env.SCHEMATHESIS;
  if (!tool) throw new Error('SCHEMATHESIS must name the directory where Schemathesis is installed');
  return succeeds(
    'python3',
    [
      ...[join(tool, 'bin', 'st'), '--config-file', join(import.meta.dirname, 'schemathesis.toml')],
      ...[
        'run',
        `${url}/api/openapi.json`,
        '--checks',
        'all',
        '--phases',
        'examples,coverage,fuzzing,stateful',
      ],
      ...['--seed', SEED, '--max-examples', EXAMPLES, '--continue-on-failure', ...process.argv.slice(2)],
    ],
    {
      PYTHONPATH: tool,
      SCHEMATHESIS_HOOKS: join(import.meta.dirname, 'hooks.py'),
      // Names of the run's own in the hash of a string would make another order of requests.
      PYTHONHASHSEED: '0',
      CONTRACT_USERNAME: USER.username,
      CONTRACT_PASSWORD: USER.password,
    },
  );
}

async function succeeds(command: string, args: string[], env: Record<string, string> = {}): Promise<boolean> {
  const child = spawn(command, args, { stdio: 'inherit', cwd: directory, env: { ...process.env, ...env } });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === 0));
  });
}
