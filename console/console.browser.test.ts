import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { freePort } from '../local/process/free-port.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');

/** Where Chromium may be, unless CHROMIUM_PATH says it. */
const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const QUIETLY = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'].map(
  (feature) => `--disable-${feature}`,
);

let dataDir: string;
let system: ChildProcess | undefined;
/** `status` is what it answers from now on; below `/slow` not before it is `released`. */
let outside: { server: Server; url: string; status: number; released: PromiseWithResolvers<void> };
let browser: Browser | undefined;
/** The console's address. */
let home: string;
let context: BrowserContext;
let page: Page;
/** What the page's scripts got wrong, and what its security policy refused. */
let faults: string[];

beforeAll(async () => {
  const { CHROMIUM_PATH } = process.env;
  const executablePath = (CHROMIUM_PATH ? [CHROMIUM_PATH] : BROWSERS).find((path) => existsSync(path));
  if (!executablePath) {
    throw new Error('No Chromium here: install it (Debian: apt-get install chromium) or set CHROMIUM_PATH');
  }
  dataDir = await mkdtemp(join(tmpdir(), 'celeriac-console-'));
  outside = await startOutside();
  home = await startSystem();
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--no-first-run', ...QUIETLY] });
});

afterAll(async () => {
  await browser?.close();
  outside?.server.close();
  await stopSystem();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

beforeEach(async () => {
  if (!browser) throw new Error('The browser did not start');
  context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  faults = [];
  page = watched(await context.newPage());
  await register();
});

afterEach(async () => {
  await context.close();
  expect(faults).toEqual([]);
});

test('a task completes before the eyes of who scheduled it, without a reload', async () => {
  await schedule({ Name: 'Temperatures' });
  await statusIs('Completed');
  await page.getByRole('rowheader', { name: 'celsius' }).waitFor();
  expect(await page.getByRole('definition').filter({ hasText: '1 so far' }).count()).toBe(1);
});

test('the list follows its tasks too', async () => {
  outside.status = 200;
  const { url } = outside;
  await schedule({
    Name: 'Slow answer',
    Kind: 'http.request',
    Payload: JSON.stringify({ url: `${url}/slow` }),
  });
  // Who leaves before it is scheduled may find a list without it.
  await page.getByRole('heading', { name: 'Slow answer' }).waitFor();
  await page.getByRole('link', { name: 'Tasks' }).first().click();
  const row = page.getByRole('listitem').filter({ hasText: 'Slow answer' });
  await row.getByText('Running', { exact: true }).waitFor();
  outside.released.resolve();
  await row.getByText('Completed', { exact: true }).waitFor();
});

test('a task for tomorrow can be cancelled', async () => {
  await schedule({ Name: 'Water the plants', Start: inputTime(Date.now() + 86_400_000) });
  await statusIs('Scheduled');
  await page.getByRole('button', { name: 'Cancel Water the plants' }).click();
  await statusIs('Cancelled');
  await page.getByRole('link', { name: 'Tasks' }).first().click();
  await page.getByText('Failed', { exact: true }).click();
  await page.getByText('No task is failed.').waitFor();
  await page.getByText('Cancelled', { exact: true }).click();
  await page.getByRole('link', { name: 'Water the plants' }).waitFor();
});

test('a failed task says why, and completes when it is retried', async () => {
  outside.status = 404;
  await schedule({
    Name: 'Fetch it',
    Kind: 'http.request',
    Payload: JSON.stringify({ url: outside.url }),
    Retries: '0',
  });
  await statusIs('Failed');
  await page.getByText('The server answered 404').waitFor();
  outside.status = 200;
  await page.getByRole('button', { name: 'Retry Fetch it' }).click();
  await statusIs('Completed');
});

test('a refused field says why beside itself, and has the focus', async () => {
  await schedule({ Name: 'Wrong', Kind: 'http.request', Payload: '{"url":"ftp://example.com/"}' });
  const payload = page.getByLabel('Payload');
  await expect.poll(() => payload.getAttribute('aria-invalid')).toBe('true');
  const described = (await payload.getAttribute('aria-describedby'))?.split(' ').at(-1);
  expect(await page.locator(`#${described}`).textContent()).toMatch(/^url: /);
  expect(await payload.evaluate((element) => element.matches(':focus'))).toBe(true);

  await payload.fill('{"url":');
  await page.getByRole('button', { name: 'Schedule task' }).click();
  await page.getByText('This is not JSON').first().waitFor();
});

test('markup in what people wrote is shown as they wrote it', async () => {
  const name = '<img src=x onerror=alert(1)>';
  await schedule({ Name: name });
  await page.getByRole('heading', { name }).waitFor();
  expect(await page.locator('main img').count()).toBe(0);
});

test('an access token that is refused is renewed without a word', async () => {
  let refused = 0;
  await page.route(/\/api\/tasks\/\?/, (route) =>
    refused++ === 0 ? route.fulfill({ status: 401, json: { detail: 'expired' } }) : route.continue(),
  );
  const renewed = page.waitForResponse(/\/api\/auth\/refresh/);
  const listed = page.waitForResponse((answer) => /\/api\/tasks\/\?/.test(answer.url()) && answer.ok());
  await page.getByRole('button', { name: 'Refresh' }).click();
  expect((await renewed).status()).toBe(200);
  await listed;
  await page.getByText('Nothing planted yet.').waitFor();
  expect(refused).toBe(2);
});

test('each organization has tasks of its own, and the switcher changes between them', async () => {
  await schedule({ Name: 'Personal matter' });
  await statusIs('Completed');
  await page.getByRole('link', { name: 'Organizations' }).click();
  await page.getByLabel('Name').fill('Root vegetables Ltd');
  await page.getByRole('button', { name: 'Create organization' }).click();
  await page.getByText('Root vegetables Ltd was created.').waitFor();
  await page.getByRole('link', { name: 'Tasks' }).first().click();
  const mine = page.getByRole('link', { name: 'Personal matter' });
  await mine.waitFor();
  const switcher = page.getByLabel('Organization');
  const personal = await switcher.inputValue();
  await switcher.selectOption('Root vegetables Ltd');
  await page.getByText('Nothing planted yet.').waitFor();
  await switcher.selectOption(personal);
  await mine.waitFor();
});

test('an organization chooses the prices that it follows', async () => {
  await page.getByRole('link', { name: 'Prices' }).click();
  await page.getByRole('heading', { name: 'bitcoin' }).waitFor();
  await page.getByLabel('Asset').fill('solana');
  await page.getByRole('button', { name: 'Follow', exact: true }).click();
  await page.getByRole('button', { name: 'Remove solana in usd' }).click();
  await page.getByText('solana in usd is no longer followed.').waitFor();
  await page.getByRole('heading', { name: 'solana' }).waitFor({ state: 'detached' });
});

test('a reload keeps the login, a new tab shares it, and logging out ends it in both', async () => {
  await page.reload();
  await page.getByRole('heading', { name: 'Tasks' }).waitFor();
  const second = watched(await context.newPage());
  await second.goto(`${home}#/prices`);
  await second.getByRole('heading', { name: 'Prices' }).waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  for (const tab of [page, second]) await tab.getByText('You are logged out.').waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});

async function register(): Promise<void> {
  await page.goto(home);
  await page.getByRole('link', { name: 'Create an account' }).click();
  await page.getByLabel('Email').fill(`${randomUUID()}@example.com`);
  await page.getByLabel('Password').fill('a few quiet words');
  await page.getByRole('button', { name: 'Create account' }).click();
  await page.getByText('Nothing planted yet.').waitFor();
}

/** Fills in the form of a new task, by the labels of its fields, and sends it. */
async function schedule(fields: Record<string, string>): Promise<void> {
  await page.getByRole('link', { name: 'New task' }).click();
  for (const [label, value] of Object.entries(fields)) {
    if (label === 'Kind') await page.getByLabel(label).selectOption(value);
    else await page.getByLabel(label).first().fill(value);
  }
  await page.getByRole('button', { name: 'Schedule task' }).click();
}

async function statusIs(label: string): Promise<void> {
  await page.locator('main').getByText(label, { exact: true }).first().waitFor();
}

/** What a person types into a field for date and time. */
function inputTime(milliseconds: number): string {
  const offset = new Date(milliseconds).getTimezoneOffset() * 60_000;
  return new Date(milliseconds - offset).toISOString().slice(0, 16);
}

/** Notes what goes wrong on a page. An answer that is a refusal is not wrong. */
function watched(tab: Page): Page {
  tab.on('pageerror', (error) => faults.push(error.message));
  tab.on('console', (message) => {
    const isRefusal = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isRefusal) faults.push(message.text());
  });
  return tab;
}

/** A server for tasks to ask. Prices it has none. */
async function startOutside(): Promise<typeof outside> {
  const released = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    if (request.url === '/slow') await released.promise;
    response.writeHead(outside.status).end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}`, status: 200, released };
}

/** Brings the system up as `npm start` does. @returns where its console is */
async function startSystem(): Promise<string> {
  const [port, wsPort] = [await freePort(), await freePort()];
  const started = spawn(process.execPath, [join(REPOSITORY, 'local/start.ts')], {
    cwd: REPOSITORY,
    env: {
      ...process.env,
      PORT: String(port),
      WS_PORT: String(wsPort),
      DATA_DIR: dataDir,
      OUTBOUND_LOOPBACK: 'allowed',
      PRICE_PROVIDER_URL: outside.url,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  system = started;
  let output = '';
  await new Promise<void>((ready, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      if (output.includes('Celeriac is ready')) ready();
    };
    started.stdout.on('data', read);
    started.stderr.on('data', read);
    started.once('error', reject);
    started.once('exit', (code) => reject(new Error(`The system ended with ${code}:\n${output}`)));
  });
  return `http://localhost:${port}/`;
}

async function stopSystem(): Promise<void> {
  if (!system || system.exitCode !== null || system.signalCode !== null) return;
  const ended = new Promise((resolve) => system?.once('exit', resolve));
  system.kill('SIGTERM');
  await ended;
}
