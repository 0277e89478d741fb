import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OF_ROOT, OF_USERS, type Situation } from './situations.ts';

/*
 * Runs `npm start` with one task in each situation:
 *
 *   node local/fresh-machine/fresh-machine.ts <root's checkout> <checkout of the user nobody> [<part of a name>]
 *
 * `npm ci` has run in both. Needs root, util-linux and iproute2.
 */

/** More than two cores can use, because a start waits now and then. */
const AT_ONCE = 3;

const PLAIN_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Trial extends Situation {
  readonly checkout: string;
  /** Mode of the situation's directory: open to all users, or only to root. */
  readonly workMode: number;
}

const [ofRoot = '', ofUsers = '', part = ''] = process.argv.slice(2);
const all: Trial[] = [
  ...OF_ROOT.map((situation) => ({ ...situation, checkout: ofRoot, workMode: 0o700 })),
  ...OF_USERS.map((situation) => ({ ...situation, checkout: ofUsers, workMode: 0o777 })),
];
const trials = all.filter(({ name }) => name.includes(part));
let failed = 0;
const waiting = [...trials];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let trial = waiting.shift(); trial; trial = waiting.shift()) {
      const startedAt = performance.now();
      const { isGood, output } = await run(trial);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      console.log(`${isGood ? 'right' : 'WRONG'}  ${trial.name} (${seconds} s)`);
      if (isGood) continue;
      failed += 1;
      console.log(output.replace(/^/gm, '       '));
    }
  }),
);
console.log(`${trials.length - failed} of ${trials.length} situations are right`);
process.exitCode = failed === 0 ? 0 : 1;

async function run(trial: Trial): Promise<{ isGood: boolean; output: string }> {
  const { own, prepare, as = '', refusal, checkout, workMode } = trial;
  const work = await mkdtemp(join(tmpdir(), 'celeriac-situation-'));
  await chmod(work, workMode);
  const program = [
    join(checkout, 'node_modules/.bin/node'),
    join(checkout, 'local/fresh-machine/one-task.ts'),
  ];
  const shell = ['/bin/sh', '-euc', `${prepare}\nexec ${as} "$@"`, 'sh', ...program];
  const [command = '', ...args] = own ? ['unshare', own, '--', ...shell] : shell;
  const env = { PATH: PLAIN_PATH, WORK: work, CHECKOUT: checkout, DATA_DIR: join(work, 'data') };
  const maxBuffer = Number.POSITIVE_INFINITY;
  const { hasFailed, stdout, stderr } = await promisify(execFile)(command, args, {
    cwd: checkout,
    env,
    maxBuffer,
  }).then(
    (ended) => ({ ...ended, hasFailed: false }),
    (ended) => ({ ...ended, hasFailed: true }),
  );
  await rm(work, { recursive: true, force: true });
  const output: string = stdout + stderr;
  return { isGood: refusal ? hasFailed && refusal.test(output) : !hasFailed, output };
}
