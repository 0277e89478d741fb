/**
 * `npm run services:localstack`: runs the services of compose.yaml without Docker and at the same addresses, until
 * SIGINT or SIGTERM. AWS_EMULATOR_PORT, REDIS_PORT and POSTGRES_PORT select other ports, as with Compose. The database
 * stays in .local/services.
 */
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { occupyDirectory } from '../../process/data-directory.ts';
import { portVariable } from '../../process/port-variable.ts';
import { StartFailure } from '../../process/start-failure.ts';
import { stopOnRequest } from '../../process/stop-on-request.ts';
import { COMPOSE } from './localstack-backing.ts';
import { type Service, startServices } from './services.ts';

const DIRECTORY = join(resolve(import.meta.dirname, '../../..'), '.local', 'services');

/** Variables by which `npm run start:localstack` finds each service. */
const VARIABLES: Readonly<Record<Service, string>> = {
  aws: 'AWS_ENDPOINT_URL',
  redis: 'REDIS_URL',
  postgres: 'POSTGRES_URL',
};

const portOf = (variable: string, service: Service) =>
  portVariable(variable, Number(new URL(COMPOSE[service]).port));

try {
  const ports = {
    aws: portOf('AWS_EMULATOR_PORT', 'aws'),
    redis: portOf('REDIS_PORT', 'redis'),
    postgres: portOf('POSTGRES_PORT', 'postgres'),
  };
  occupyDirectory(DIRECTORY, "the services' directory");
  await rm(join(DIRECTORY, 'localstack'), { recursive: true, force: true });
  const { addresses, stop } = await startServices({ directory: DIRECTORY, ports });
  stopOnRequest(stop, 'Stopping the services');
  const elsewhere = Object.entries(addresses)
    .filter(([name, address]) => address !== COMPOSE[name as Service])
    .map(([name, address]) => `${VARIABLES[name as Service]}=${address} `);
  console.log(`The services are ready: ${elsewhere.join('')}npm run start:localstack`);
} catch (error) {
  if (error instanceof StartFailure) console.error(`The services cannot start: ${error.message}`);
  else console.error('The services cannot start:', error);
  process.exit(1);
}
