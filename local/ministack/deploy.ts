/**
 * `npm run deploy:ministack`: deploys the app to an AWS emulator on this machine, like `npm run test:ministack`, and
 * keeps it running until SIGINT or SIGTERM. Then it removes everything except the log.
 *
 * PORT (default 8000) sets the port of the front door. Shell variables replace the template's variables of the same
 * name.
 */

import { join, resolve } from 'node:path';
import { directoryOfRun } from '../postgres/directory-of-run.ts';
import { portVariable } from '../process/port-variable.ts';
import { StartFailure } from '../process/start-failure.ts';
import { stopOnRequest } from '../process/stop-on-request.ts';
import { REGION } from '../template/physical.ts';
import { CREDENTIALS } from './cdk.ts';
import { deploySystem } from './deployment.ts';

const LOG_FILE = join(resolve(import.meta.dirname, '../..'), 'dist', 'deploy-ministack.log');

const startedAt = performance.now();
const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
let isStopping = false;

try {
  const deploying = deploySystem({
    port: portVariable('PORT', 8000),
    directory: await directoryOfRun(),
    logFile: LOG_FILE,
    environment: process.env,
    log: (line) => console.log(`[${seconds().padStart(5)}] ${line}`),
  });
  stopOnRequest(async () => {
    isStopping = true;
    // A deployment that fails stops by itself what it has started.
    await (await deploying.catch(() => undefined))?.stop();
  }, 'Stopping; nothing stays but the log');
  const { url, socketUrl, endpoint, authority } = await deploying;
  const { accessKeyId, secretAccessKey } = CREDENTIALS;
  console.log(`ConsoleUrl        ${url}/`);
  console.log(`DocumentationUrl  ${url}/api/docs`);
  console.log(`WebSocketUrl      ${socketUrl}`);
  console.log(
    `AWS's APIs        AWS_ENDPOINT_URL=${endpoint} AWS_CA_BUNDLE=${authority} AWS_DEFAULT_REGION=${REGION} \\`,
  );
  console.log(`                  AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}`);
  console.log(`Log               ${LOG_FILE}`);
  console.log(`Celeriac is deployed (${seconds()})`);
} catch (error) {
  if (!isStopping) {
    if (error instanceof StartFailure) console.error(`Celeriac cannot be deployed: ${error.message}`);
    else console.error('Celeriac cannot be deployed:', error);
    process.exit(1);
  }
}
