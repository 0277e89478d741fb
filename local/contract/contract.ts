/**
 * `npm run test:contract`: checks the API against its own OpenAPI document. Starts Celeriac with an empty database,
 * registers a user, lints `/api/openapi.json` with Redocly, and lets Schemathesis call every operation.
 *
 * SCHEMATHESIS names the directory of the tool, which `.ci/contract` installs. Arguments go to Schemathesis after the
 * usual ones: `npm run test:contract -- --seed 7 --max-examples 500`.
 */
import { spawn } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { directoryOfRun } from '../postgres/directory-of-run.ts';
import { freePort } from '../process/free-port.ts';
import { startRuntime } from '../runtime.ts';

/** A fixed seed makes the same requests in every run. */
const SEED = '1';
/** Generated requests per operation in the fuzzing phase. The coverage phase adds about 60 requests per operation. */
const EXAMPLES = '3';

const USER = { username: 'contract', email: 'contract@example.com', password: 'a long enough password' };

const directory = await directoryOfRun('contract');
const runtime = await startRuntime({
  port: await freePort(),
  wsPort: await freePort(),
  dataDir: directory,
  // Requests of generated tasks stay on this machine.
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

/** Runs Redocly's recommended rules in their strict form, which turns warnings into errors. */
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
      // A random hash seed would change the order of requests.
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
