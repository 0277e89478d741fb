/**
 * `npm start`: runs Celeriac on this machine until SIGINT or SIGTERM.
 *
 * PORT (default 8000) and WS_PORT (8001) set the ports, and DATA_DIR (.local) sets the directory of the data. Shell
 * variables replace the template's variables of the same name.
 *
 * With `--watch` (`npm run dev`) it watches the sources: functions get their new code at once, and a change of the stack
 * starts the system again. The data stays.
 *
 * With `--localstack` it uses the services of compose.yaml: AWS_ENDPOINT_URL, REDIS_URL and POSTGRES_URL set their
 * addresses, GATEWAYS (default 2) sets the number of WebSocket gateway processes, and DATA_DIR defaults to
 * .local/localstack.
 */
import { join, resolve } from 'node:path';
import { type Addresses, COMPOSE } from './backings/localstack/localstack-backing.ts';
import { followSources } from './follow-sources.ts';
import { portVariable } from './process/port-variable.ts';
import { StartFailure } from './process/start-failure.ts';
import { stopOnRequest } from './process/stop-on-request.ts';
import { startRuntime } from './runtime.ts';
import { synthesizedAssembly } from './template/synthesize.ts';

const REPOSITORY = resolve(import.meta.dirname, '..');

const { env } = process;
const isWatching = process.argv.includes('--watch');
const isOnLocalStack = process.argv.includes('--localstack');
const DATA_DIR = join(REPOSITORY, '.local', isOnLocalStack ? 'localstack' : '');
const startedAt = performance.now();

try {
  const options = {
    port: portVariable('PORT', 8000),
    wsPort: portVariable('WS_PORT', 8001),
    dataDir: resolve(env.DATA_DIR || DATA_DIR),
    env,
    log: (line: string) => console.log(line),
    ...(isOnLocalStack ? { external: addresses() } : {}),
  };
  let runtime = await startRuntime(options);
  stopOnRequest(
    () => runtime.stop(),
    'Stopping; what still runs after five seconds goes on at the next start',
  );
  console.log(`Console    ${runtime.url}/`);
  console.log(`API        ${runtime.url}/api/  (documentation: ${runtime.url}/api/docs)`);
  console.log(`WebSocket  ${runtime.wsUrl}/ws/tasks/<id>/`);
  console.log(`Celeriac is ready (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  if (isWatching) {
    await followSources({
      bundles: join(options.dataDir, 'bundles'),
      runtime: () => runtime,
      restart: async () => {
        // Before the stop: sources that do not synthesize leave the running system as it is.
        const assembly = await synthesizedAssembly(options.log, join(options.dataDir, 'dist'));
        await runtime.stop();
        runtime = await startRuntime({ ...options, assembly });
      },
      log: options.log,
    });
    console.log('Watching   functions, lib, bin');
  }
} catch (error) {
  if (error instanceof StartFailure) console.error(`Celeriac cannot start: ${error.message}`);
  else console.error('Celeriac cannot start:', error);
  process.exit(1);
}

/** Reads the services' addresses. @throws {StartFailure} when GATEWAYS is not a number from 1 to 16 */
function addresses(): Addresses {
  const gateways = Number(env.GATEWAYS || COMPOSE.gateways);
  if (!Number.isInteger(gateways) || gateways < 1 || gateways > 16)
    throw new StartFailure(`GATEWAYS must be a number from 1 to 16, not "${env.GATEWAYS}"`);
  return {
    aws: (env.AWS_ENDPOINT_URL || COMPOSE.aws).replace(/\/+$/, ''),
    redis: env.REDIS_URL || COMPOSE.redis,
    postgres: env.POSTGRES_URL || COMPOSE.postgres,
    gateways,
  };
}
