import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { commandLine } from '../../process/process-identity.ts';
import { startLambda } from './lambda.ts';
import { startFixtureLambda } from './testing/fixtures.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

async function start(...args: Parameters<typeof startFixtureLambda>) {
  const started = await startFixtureLambda(...args);
  stops.push(started.stop);
  return {
    ...started,
    call: async (event: unknown = {}, name = 'fn') => {
      const { payload, functionError } = await started.lambda.invoke(name, JSON.stringify(event));
      return { result: JSON.parse(payload), functionError };
    },
  };
}

test('an event goes in and the result comes out', async () => {
  const { call } = await start({ fn: 'export const handler = async (event) => ({ got: event.x })' });
  expect(await call({ x: 'ü' })).toEqual({ result: { got: 'ü' }, functionError: undefined });
});

test('the environment is not in /proc, where every process of the account could read it', async () => {
  const source = `import { readFileSync } from 'node:fs';
    export const handler = async () => readFileSync('/proc/self/environ', 'latin1');`;
  const { call } = await start({ fn: source });
  const { result } = await call();
  expect(result).toContain('PATH=');
  expect(result).not.toMatch(/AWS_|STAGE|_HANDLER/);
});

test('a result of undefined is null', async () => {
  const { call } = await start({ fn: 'export const handler = async () => {}' });
  expect((await call()).result).toBeNull();
});

test('a sandbox is reused, and serves one invocation at a time', async () => {
  const source = `let running = 0, calls = 0;
    export const handler = async () => {
      const result = { pid: process.pid, calls: ++calls, running: ++running };
      await new Promise((r) => setTimeout(r, 5));
      running--;
      return result;
    };`;
  const { call } = await start({ fn: source }, { maxSandboxes: 2 });
  const results = (await Promise.all(Array.from({ length: 20 }, () => call()))).map(({ result }) => result);
  expect(new Set(results.map(({ running }) => running))).toEqual(new Set([1]));
  expect(new Set(results.map(({ pid }) => pid)).size).toBeLessThanOrEqual(2);
  expect(Math.max(...results.map(({ calls }) => calls))).toBeGreaterThan(1);
});

test('replaced code runs from the next invocation on, and what runs ends with the old code', async () => {
  const codeOf = (version: number) =>
    `export const handler = async ({ wait }) => {
      await new Promise((r) => setTimeout(r, wait));
      return { version: ${version}, pid: process.pid };
    };`;
  const { lambda, call } = await start({ fn: codeOf(1), other: codeOf(1) }, { maxSandboxes: 2 });
  const [idle, running] = await Promise.all([call({ wait: 0 }), call({ wait: 0 })]);
  const slow = call({ wait: 1_000 });
  const codeDir = await mkdtemp(join(tmpdir(), 'celeriac-replaced-'));
  await writeFile(join(codeDir, 'index.mjs'), codeOf(2));
  lambda.replaceCode('fn', codeDir);
  expect((await call({ wait: 0 })).result.version).toBe(2);
  expect((await slow).result).toMatchObject({ version: 1 });
  expect((await call({ wait: 0 })).result.version).toBe(2);
  expect((await call({ wait: 0 }, 'other')).result.version).toBe(1);
  for (const { result } of [idle, running])
    await expect.poll(() => lambda.sandboxes('fn')).not.toContain(result.pid);
});

test('an invocation that waits for a sandbox runs the replaced code', async () => {
  const codeOf = (version: number) =>
    `export const handler = async ({ wait }) => {
      await new Promise((r) => setTimeout(r, wait));
      return { version: ${version} };
    };`;
  const { lambda, call } = await start({ fn: codeOf(1) }, { maxSandboxes: 1 });
  const codeDir = await mkdtemp(join(tmpdir(), 'celeriac-replaced-'));
  await writeFile(join(codeDir, 'index.mjs'), codeOf(2));
  await call({ wait: 0 });
  const [running, waiting] = [call({ wait: 100 }), call({ wait: 0 })];
  lambda.replaceCode('fn', codeDir);
  expect([(await running).result, (await waiting).result]).toEqual([{ version: 1 }, { version: 2 }]);
  expect(() => lambda.replaceCode('none', codeDir)).toThrow('Function not found');
});

test('the environment is that of Lambda, without the developer’s own', async () => {
  process.env.CELERIAC_TEST_SECRET = 'mine';
  const { call } = await start({ fn: 'export const handler = async () => process.env' });
  const { result } = await call();
  delete process.env.CELERIAC_TEST_SECRET;
  expect(result).toMatchObject({
    AWS_LAMBDA_FUNCTION_NAME: 'fn',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
    STAGE: 'test',
    TZ: 'UTC',
    _HANDLER: 'index.handler',
  });
  expect(result.CELERIAC_TEST_SECRET).toBeUndefined();
  // The SDK reads settings from HOME. It must not find the developer's settings.
  expect(existsSync(result.HOME)).toBe(false);
});

test('the context names the invocation and counts down', async () => {
  const source = `export const handler = async (_event, context) => ({
    ...context, left: context.getRemainingTimeInMillis() });`;
  const { result } = await (await start({ fn: source })).call();
  expect(result).toMatchObject({ functionName: 'fn', functionVersion: '$LATEST', memoryLimitInMB: '128' });
  expect(result.invokedFunctionArn).toBe('arn:aws:lambda:us-east-1:000000000000:function:fn');
  expect(result.awsRequestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(result.left).toBeGreaterThan(0);
  expect(result.left).toBeLessThanOrEqual(5000);
});

test('a handler that throws gives its error, and the sandbox lives on', async () => {
  const source = `export const handler = async ({ bad }) => {
    if (bad) throw new TypeError('no'); return process.pid; };`;
  const { call } = await start({ fn: source });
  const { result: pid } = await call();
  const failed = await call({ bad: true });
  expect(failed).toMatchObject({
    functionError: 'Unhandled',
    result: { errorType: 'TypeError', errorMessage: 'no' },
  });
  expect((await call()).result).toBe(pid);
});

test('a handler past its limit is killed, however busy, and the next call gets a new sandbox', async () => {
  const { lambda, call } = await start(
    { fn: 'export const handler = async () => { while (true) {} }' },
    { timeoutSeconds: 1, provisioned: 1 },
  );
  await lambda.provision();
  const [pid = 0] = lambda.sandboxes();
  expect(commandLine(pid)).toContain('sandbox-runtime');
  const { result, functionError } = await call();
  expect(functionError).toBe('Unhandled');
  const [, seconds] = /Task timed out after (\d+\.\d\d) seconds/.exec(result.errorMessage) ?? [];
  expect(Number(seconds)).toBeGreaterThanOrEqual(1);
  await expect.poll(() => commandLine(pid) || undefined).toBeUndefined();
  const next = call();
  await expect.poll(() => lambda.sandboxes()).toHaveLength(1);
  expect(lambda.sandboxes()).not.toContain(pid);
  expect((await next).result.errorMessage).toContain('Task timed out');
});

test('a process that ends gives Runtime.ExitError', async () => {
  const { call } = await start({
    fn: 'export const handler = async ({ die }) => { if (die) process.exit(3); return 1 }',
  });
  expect((await call({ die: true })).result).toMatchObject({
    errorType: 'Runtime.ExitError',
    errorMessage: expect.stringContaining('exit status 3'),
  });
  expect((await call()).result).toBe(1);
});

test('a module that cannot be loaded fails the invocation with its own message', async () => {
  const { call } = await start({
    fn: 'throw new Error("incomplete environment"); export const handler = 1;',
  });
  expect((await call()).result).toMatchObject({ errorType: 'Error', errorMessage: 'incomplete environment' });
});

test('payloads above the limits are refused', async () => {
  const { lambda, call } = await start({ fn: 'export const handler = async ({ n }) => "x".repeat(n)' });
  const mega = (count: number) => JSON.stringify('x'.repeat(count * 1024 * 1024));
  await expect(lambda.invoke('fn', mega(6))).rejects.toMatchObject({ code: 'RequestTooLargeException' });
  expect(() => lambda.invokeLater('fn', mega(1))).toThrow(/too large/);
  expect((await call({ n: 7 * 1024 * 1024 })).result.errorType).toBe('Function.ResponseSizeTooLarge');
  expect((await call({ n: 5 * 1024 * 1024 })).result).toHaveLength(5 * 1024 * 1024);
});

test('an unknown function is refused', async () => {
  const { lambda } = await start({});
  await expect(lambda.invoke('nobody', '{}')).rejects.toMatchObject({ code: 'ResourceNotFoundException' });
});

test('the output of a function goes to the log under its name', async () => {
  const { call, lines } = await start({
    fn: 'export const handler = async () => { console.log("one\\ntwo") }',
  });
  await call();
  await expect.poll(() => lines).toEqual(['[fn] one', '[fn] two']);
});

test('an asynchronous event is run without waiting', async () => {
  const { lambda, lines } = await start({
    fn: 'export const handler = async (event) => { console.log(event.n) }',
  });
  lambda.invokeLater('fn', '{"n":7}');
  await expect.poll(() => lines).toEqual(['[fn] 7']);
});

test('provisioned sandboxes are there before the first call', async () => {
  const { lambda } = await start(
    { fn: 'export const handler = async () => 1' },
    { provisioned: 2, maxSandboxes: 2 },
  );
  await lambda.provision();
  expect(lambda.sandboxes()).toHaveLength(2);
});

test('stopping waits for a running invocation', async () => {
  const source =
    'export const handler = async () => { console.log("begun"); await new Promise((r) => setTimeout(r, 300)); return "done"; }';
  const { lambda, call, lines } = await start({ fn: source });
  const under_way = call();
  await expect.poll(() => lines).toEqual(['[fn] begun']);
  await lambda.stop(5);
  expect((await under_way).result).toBe('done');
});

test('no sandbox outlives a parent that is killed, not even a busy one', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'celeriac-orphans-'));
  const script = join(dir, 'parent.ts');
  await writeFile(
    script,
    `import { startFixtureLambda } from ${JSON.stringify(join(import.meta.dirname, 'testing/fixtures.ts'))};
     const { lambda, lines } = await startFixtureLambda(
       { busy: 'export const handler = async () => { console.log("spinning"); while (true) {} }', idle: 'export const handler = async () => 1' },
       { timeoutSeconds: 60 });
     await lambda.invoke('idle', '{}');
     lambda.invokeLater('busy', '{}');
     const looking = setInterval(() => {
       if (!lines.includes('[busy] spinning')) return;
       clearInterval(looking);
       process.send?.(lambda.sandboxes());
     }, 10);`,
  );
  const parent = fork(script);
  const pids = (await new Promise((resolve) => parent.once('message', resolve))) as number[];
  expect(pids).toHaveLength(2);
  parent.kill('SIGKILL');
  await expect.poll(() => pids.filter((pid) => commandLine(pid))).toEqual([]);
});

test('a queue with a lane of its own is served by sandboxes that give way to those of everybody else', async () => {
  const codeDir = await mkdtemp(join(tmpdir(), 'celeriac-lanes-'));
  await writeFile(join(codeDir, 'index.mjs'), 'export const handler = async () => process.pid');
  const fn = {
    name: 'fn',
    codeDir,
    handler: 'index.handler',
    timeoutSeconds: 5,
    memoryMb: 128,
    environment: {},
    maxSandboxes: 1,
    provisioned: 0,
  };
  const lambda = startLambda({
    functions: [fn, { ...fn, queueName: 'bulk', niceness: 5 }],
    environment: {},
    log: () => {},
  });
  stops.push(() => lambda.stop(0));
  const nicenessOf = async (queueName?: string) =>
    getPriority(Number((await lambda.invoke('fn', '{}', queueName)).payload));
  const own = getPriority();
  expect([await nicenessOf('bulk'), await nicenessOf('interactive'), await nicenessOf()]).toEqual([
    own + 5,
    own,
    own,
  ]);
  expect(lambda.sandboxes()).toHaveLength(2);
});
