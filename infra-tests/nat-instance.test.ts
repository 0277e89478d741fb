import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { synthesized, temporary } from './testing/synthesized.ts';

const SCRIPT = join(import.meta.dirname, '..', 'lib', 'nat', 'set-up.sh');

describe('the NAT instance of dev', () => {
  const { data } = synthesized('dev');
  const [[id, instance] = []] = Object.entries(data.findResources('AWS::EC2::Instance'));

  test('is there when it has said that it leads out, and fails the deployment when it has not after minutes', () => {
    expect(instance?.CreationPolicy).toEqual({ ResourceSignal: { Count: 1, Timeout: 'PT12M' } });
    const said = JSON.stringify(instance?.Properties.UserData);
    expect(said).toContain(`RESOURCE=${id} `);
    expect(said).toContain('cfn-signal');
  });

  test('comes before the database, which takes longest, and before what the functions are made of', () => {
    for (const type of ['AWS::RDS::DBCluster', 'AWS::RDS::DBInstance']) {
      for (const { DependsOn } of Object.values(data.findResources(type))) expect(DependsOn).toContain(id);
    }
  });

  test('is another machine when its script changes, as no machine runs it twice', () => {
    expect(id).toMatch(/NatInstance[0-9A-F]{8}[0-9a-f]{8}$/);
  });
});

describe('the script of the NAT instance', () => {
  test('adds swap, sets the rules, tries them from a network of its own, and says that it leads out', async () => {
    const { calls, signals, root } = await run({ present: ['nft'] });
    expect(signals).toEqual(['0 The NAT instance leads out']);
    expect(calls).not.toContain('dnf');
    const names = calls.map((call) => call.split(' ')[0]);
    expect(names.indexOf('swapon')).toBeLessThan(names.indexOf('systemctl'));
    expect(calls).toContain('systemctl enable --now celeriac-nat.service');
    expect(
      calls.some((call) =>
        /^ip netns exec probe curl .*https:\/\/sts\.eu-central-1\.amazonaws\.com\/$/.test(call),
      ),
    ).toBe(true);
    expect(calls).toContain('ip netns delete probe');
    expect(existsSync(join(root, 'etc/systemd/system/celeriac-nat.service'))).toBe(true);
  });

  test('goes on when installing fails at first, with swap, which it may have lacked', async () => {
    const { calls, signals } = await run({ installs: { nftables: 4 } });
    expect(signals).toEqual(['0 The NAT instance leads out']);
    expect(calls.filter((call) => call.endsWith('install nftables'))).toHaveLength(4);
    expect(calls.findIndex((call) => call.startsWith('swapon'))).toBeLessThan(
      calls.findIndex((call) => call.startsWith('dnf')),
    );
  });

  test('takes the other package when the first cannot be had', async () => {
    const { signals } = await run({ installs: { 'iptables-nft': 1 } });
    expect(signals).toEqual(['0 The NAT instance leads out']);
  });

  test('says so when nothing can be installed', async () => {
    const { signals } = await run({});
    expect(signals).toEqual([expect.stringMatching(/^1 .*neither nftables nor iptables could be installed/)]);
  });

  test('says so when the rules are set and nothing gets out by them', async () => {
    const { calls, signals } = await run({ present: ['nft'], reachable: 99 });
    expect(signals).toEqual([
      expect.stringMatching(/^1 .*https:\/\/sts\.eu-central-1\.amazonaws\.com\/ cannot be reached/),
    ]);
    expect(calls.filter((call) => call.includes('curl'))).toHaveLength(10);
  });

  test('waits for a network that takes some tries, and signals again when a signal is lost', async () => {
    const { signals } = await run({ present: ['nft'], reachable: 3, signalled: 2 });
    expect(signals).toEqual(['0 The NAT instance leads out', '0 The NAT instance leads out']);
  });

  test('installs what signals, if the image lacks it', async () => {
    const { calls, signals } = await run({
      present: ['nft'],
      lacks: ['cfn-signal'],
      installs: { 'aws-cfn-bootstrap': 2 },
    });
    expect(calls.filter((call) => call.endsWith('install aws-cfn-bootstrap'))).toHaveLength(2);
    expect(signals).toEqual(['0 The NAT instance leads out']);
  });
});

type Machine = {
  /** Programs of the image besides those that every image has. */
  present?: string[];
  lacks?: string[];
  /** Number of the try at which each package is installed. Other packages are never installed. */
  installs?: Record<string, number>;
  /** Number of the try at which AWS is reached. */
  reachable?: number;
  /** Number of the try at which a signal arrives. */
  signalled?: number;
};

let machines = 0;

/** Runs the script with stand-ins for programs. The stand-ins record their calls. */
async function run({ present = [], lacks = [], installs = {}, reachable = 1, signalled = 1 }: Machine) {
  machines += 1;
  const root = temporary(`machine-${machines}`);
  const programs = join(root, 'programs');
  for (const directory of ['programs', 'etc', 'etc/systemd/system', 'usr/local/sbin'])
    mkdirSync(join(root, directory), { recursive: true });
  const program = (name: string, then = '') => {
    const path = join(programs, name);
    writeFileSync(path, `#!/bin/bash\necho "${name} $*" >>'${root}/calls'\n${then}\n`);
    chmodSync(path, 0o755);
  };
  const nth = (name: string, wanted: number) => `[ "$(grep -c '^${name}' '${root}/calls')" -ge ${wanted} ]`;
  for (const name of ['dd', 'mkswap', 'swapon', 'systemctl', 'sleep', ...present]) program(name);
  program('chmod', `[ -e "$2" ] && /bin/chmod "$@"; exit 0`);
  program('ip', `case "$*" in *curl*) ${nth('ip netns exec', reachable)};; esac`);
  const brings: Record<string, string> = {
    nftables: 'nft',
    'iptables-nft': 'iptables',
    'aws-cfn-bootstrap': 'cfn-signal',
  };
  if (!lacks.includes('cfn-signal')) program('cfn-signal', nth('cfn-signal', signalled));
  const cases = Object.entries(installs).map(
    ([name, tries]) =>
      `*"install ${name}") [ "$(grep -c 'install ${name}$' '${root}/calls')" -ge ${tries} ] && ` +
      `printf '#!/bin/bash\\necho "${brings[name]} $*" >>%s\\n' '${root}/calls' >'${programs}/${brings[name]}' && ` +
      `/bin/chmod 755 '${programs}/${brings[name]}';;`,
  );
  program('dnf', `case "$*" in ${cases.join('\n')}\n*) false;; esac`);
  const script = readFileSync(SCRIPT, 'utf8').replaceAll(
    /(?<=[\s'>=:])\/(?=(etc|usr\/s?bin|usr\/local|swapfile))/g,
    `${root}/`,
  );
  const variables = 'STACK=Celeriac-dev-Data RESOURCE=Nat REGION=eu-central-1 SUFFIX=amazonaws.com';
  // Contains only real programs that have no stand-in, and none of the machine's own packet filters.
  const environment = { PATH: `${programs}:${ordinaryPrograms(root)}` };
  await promisify(execFile)('/bin/bash', ['-c', `${variables}\n${script}`], { env: environment }).catch(
    () => {},
  );
  const calls = readFileSync(join(root, 'calls'), 'utf8').trim().split('\n');
  const signals = calls
    .filter((call) => call.startsWith('cfn-signal'))
    .map((call) =>
      /--exit-code (\d) --reason (.*) --stack Celeriac-dev-Data --resource Nat --region eu-central-1/.exec(
        call,
      ),
    )
    .map((match) => `${match?.[1]} ${match?.[2]}`);
  return { calls, signals, root };
}

/** Creates a directory with the programs that every machine has. */
function ordinaryPrograms(root: string): string {
  const directory = join(root, 'ordinary');
  mkdirSync(directory);
  for (const name of ['cat', 'seq', 'mkdir', 'rm', 'sed', 'head', 'grep', 'printf', 'bash']) {
    writeFileSync(join(directory, name), `#!/bin/bash\nPATH=/usr/bin:/bin exec ${name} "$@"\n`);
    chmodSync(join(directory, name), 0o755);
  }
  return directory;
}
