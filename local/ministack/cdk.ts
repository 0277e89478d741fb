import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ACCOUNT, REGION } from '../template/physical.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

/** Longest time for one command, in seconds. */
export const LIMIT_SECONDS = 180;

/** An access key for the emulator's only account. The emulator checks no signatures. */
export const CREDENTIALS = { accessKeyId: ACCOUNT, secretAccessKey: 'test' };

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

async function run(args: readonly string[], environment: Record<string, string>): Promise<string> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      cwd: REPOSITORY,
      // The app is started as `node`, which must be the Node of this process.
      env: { PATH: [resolve(process.execPath, '..'), process.env.PATH].join(':'), ...environment },
      timeout: LIMIT_SECONDS * 1000,
      killSignal: 'SIGKILL',
      maxBuffer: Number.POSITIVE_INFINITY,
    });
    return stdout + stderr;
  } catch (cause) {
    const { code, stdout, stderr } = cause as { code: unknown; stdout: string; stderr: string };
    const what = `${args.slice(0, 3).join(' ')} ended with ${code}`;
    throw new Error(`${what}:\n${stdout}${stderr}`, { cause });
  }
}
