import { StartFailure } from './start-failure.ts';

/**
 * Returns the port in an environment variable, or `otherwise` when the variable is not set.
 *
 * @throws {StartFailure} when the value is not a port
 */
export function portVariable(name: string, otherwise: number): number {
  const text = process.env[name];
  if (!text) return otherwise;
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new StartFailure(`${name} must be a port number from 1 to 65535, not "${text}"`);
}
