import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { register } from '../end-to-end/client.ts';
import { freePort } from '../process/free-port.ts';

/*
 * Runs `npm start` in the working directory, creates one task, and stops. Prints the output, and fails when the task is
 * not COMPLETED. It runs inside the situation, because a network namespace has its own loopback interface.
 */

const READY_SECONDS = 240;
const TASK_SECONDS = 60;

const ports = { PORT: String(await freePort()), WS_PORT: String(await freePort()) };
const npm = spawn('npm', ['start'], {
  detached: true,
  env: { ...process.env, ...ports },
  stdio: ['ignore', 'pipe', 'pipe'],
});
let isOver = false;
const ended = new Promise<void>((resolve) => npm.once('close', () => resolve())).then(() => {
  isOver = true;
});
const isReady = await new Promise<boolean>((resolve) => {
  let output = '';
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk);
      output += chunk;
      if (output.includes('Celeriac is ready')) resolve(true);
    });
  }
  void ended.then(() => resolve(false));
  setTimeout(() => resolve(false), READY_SECONDS * 1000).unref();
});
try {
  if (!isReady) throw new Error('npm start did not become ready');
  const user = await register(`http://localhost:${ports.PORT}`);
  const id = await user.create({ name: 'one' });
  const deadline = Date.now() + TASK_SECONDS * 1000;
  let status = '';
  while (status !== 'COMPLETED') {
    if (Date.now() > deadline) throw new Error(`the task is ${status} after ${TASK_SECONDS} s`);
    await sleep(100);
    status = (await user.ask('GET', `/api/tasks/${id}/status/`)).body.status;
  }
  console.log('the task is COMPLETED');
} catch (error) {
  console.log(`FAILED: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  if (!isOver && npm.pid) process.kill(-npm.pid, 'SIGTERM');
  await ended;
}
const lock = join(process.env.DATA_DIR ?? '.local', 'postgres', 'cluster', 'postmaster.pid');
if (existsSync(lock)) {
  console.log(`FAILED: the stop left a Postgres behind (${lock})`);
  process.exitCode = 1;
}
