import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { register, watch, watchFromBefore } from '../../end-to-end/client.ts';
import { freePort } from '../../process/free-port.ts';

/*
 * `npm run deploy:ministack` as a user runs it, beside the deployment of the other tests.
 */

const REPOSITORY = resolve(import.meta.dirname, '../../..');
const DEPLOY_SECONDS = 300;

let npm: ChildProcess;
let output = '';
let exit: Promise<number | null>;

beforeAll(async () => {
  npm = spawn('npm', ['run', 'deploy:ministack'], {
    cwd: REPOSITORY,
    detached: true,
    env: { ...process.env, PORT: String(await freePort()) },
  });
  exit = new Promise((done) => npm.once('close', done));
  const deployed = new Promise<void>((done) => {
    for (const stream of [npm.stdout, npm.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('Celeriac is deployed')) done();
      });
  });
  await Promise.race([deployed, exit]);
  expect(output).toContain('Celeriac is deployed');
}, DEPLOY_SECONDS * 1000);

afterAll(() => signal('SIGKILL'));

/** Signals npm and its children, as a terminal does. */
function signal(name: 'SIGINT' | 'SIGKILL'): void {
  try {
    process.kill(-(npm.pid ?? 0), name);
  } catch {
    // All processes have ended.
  }
}

/** Returns the first group of the first match in the command's output. */
function printed(pattern: RegExp): string {
  const [, found] = pattern.exec(output) ?? [];
  if (!found) throw new Error(`${pattern} was not printed: ${output}`);
  return found;
}

const urlOf = (name: string) => printed(new RegExp(`^${name} +(\\S+)$`, 'm'));

test('it prints the addresses that a deployment has for people', async () => {
  const { assembly } = inject('system');
  const templates = (await readdir(assembly)).filter((name) => name.endsWith('App.template.json'));
  const [template] = await Promise.all(templates.map((name) => readFile(join(assembly, name), 'utf8')));
  // The other outputs are addresses behind the front door.
  const forPeople = Object.keys(JSON.parse(template ?? '').Outputs).filter((name) =>
    /^(Console|Documentation|WebSocket|Dashboard)Url$/.test(name),
  );
  expect(forPeople.length).toBeGreaterThan(2);
  for (const name of forPeople) expect(urlOf(name)).toMatch(/^(http|ws):\/\/localhost:\d+\//);
});

test('the console comes from the bucket that it was published to, with the headers of the front door', async () => {
  const page = await fetch(urlOf('ConsoleUrl'));
  expect(await page.text()).toBe(await readFile(join(REPOSITORY, 'console', 'index.html'), 'utf8'));
  expect(page.headers.get('content-security-policy')).toContain("connect-src 'self'");
  expect((await fetch(new URL('nowhere.js', urlOf('ConsoleUrl')))).status).toBe(404);
  expect((await fetch(urlOf('DocumentationUrl'))).status).toBe(200);
});

test('the documented addresses work, with and without the last slash', async () => {
  const url = new URL(urlOf('ConsoleUrl')).origin;
  const ada = await register(url);
  for (const path of ['/api/token', '/api/token/']) {
    const login = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: ada.email, password: 'a long enough password' }),
    });
    expect([path, login.status]).toEqual([path, 200]);
  }
  const { watcher } = await watchFromBefore(ada, [{ name: 'x' }], async ([id]) => {
    const { ticket } = (await ada.ask('POST', '/api/ws-tickets/')).body;
    return watch(`${urlOf('WebSocketUrl')}/tasks/${id}/?ticket=${ticket}`);
  });
  await watcher.until((frame) => frame.status === 'COMPLETED');
  expect(watcher.frames.map(({ status }) => status)).toEqual(['SCHEDULED', 'RUNNING', 'COMPLETED']);
  watcher.socket.close();
});

test('Ctrl-C ends and removes everything but the log', async () => {
  const ports = [
    new URL(urlOf('ConsoleUrl')).port,
    printed(/AWS_ENDPOINT_URL=https:\/\/127\.0\.0\.1:(\d+)/),
    printed(/DATABASE_URL=postgres:\/\/\S*127\.0\.0\.1:(\d+)/),
  ];
  const directory = printed(/AWS_CA_BUNDLE=(\S+)\/ministack\//);
  expect([await Promise.all(ports.map(listens)), existsSync(directory)]).toEqual([[true, true, true], true]);
  signal('SIGINT');
  await exit;
  expect([await Promise.all(ports.map(listens)), existsSync(directory)]).toEqual([
    [false, false, false],
    false,
  ]);
  expect(existsSync(urlOf('Log'))).toBe(true);
});

function listens(port: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', () => done(false));
  });
}
