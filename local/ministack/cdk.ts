import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const REPOSITORY = resolve(import.meta.dirname, '../..');

/** Longest time for one command, in seconds. */
export const LIMIT_SECONDS = 180;

/** The emulator's only account and region, and an access key for them. The emulator checks no signatures. */
export const ACCOUNT = '000000000000';
export const REGION = 'us-east-1';
export const CREDENTIALS = { accessKeyId: '000000000000', secretAccessKey: 'test' };

/**
 * Runs the `cdk` command against an emulator. Its environment contains no profile, key or endpoint of the user, so that
 * the command cannot reach a real account by mistake.
 *
 * @param authority file with the certificate of the endpoint
 * @param home directory for the command's caches
 * @returns the command's output
 * @throws when the command fails, with its output
 */
export async function cdk(
  args: readonly string[],
  { endpoint, authority, home }: { endpoint: string; authority: string; home: string },
): Promise<string> {
  const program = join(createRequire(import.meta.url).resolve('aws-cdk/package.json'), '../bin/cdk');
  return run([program, ...args, '--no-notices', '--ci', '--no-color'], {
    HOME: home,
    CDK_HOME: join(home, '.cdk'),
    CDK_DISABLE_CLI_TELEMETRY: 'true',
    AWS_ENDPOINT_URL: endpoint,
    NODE_EXTRA_CA_CERTS: authority,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    AWS_REGION: REGION,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  });
}

/** Synthesizes the app again, like `cdk synth`. */
export async function synthesize(outdir: string): Promise<void> {
  await run([join(REPOSITORY, 'bin', 'celeriac.ts')], { CDK_OUTDIR: outdir });
}

function run(args: readonly string[], environment: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, args, {
    cwd: REPOSITORY,
    // The app is started as `node`, which must be the Node of this process.
    env: { PATH: [resolve(process.execPath, '..'), process.env.PATH].join(':'), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_SECONDS * 1000,
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      if (code === 0) done(output);
      else fail(new Error(`${args.slice(0, 3).join(' ')} ended with ${code}:\n${output}`));
    });
  });
}
