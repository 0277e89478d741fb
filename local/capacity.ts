import { availableParallelism } from 'node:os';
import type { Deployment, FunctionSpec } from './template.ts';

/** Sandboxes of a function at most, unless its queues ask for more: they share a laptop, not a data centre. */
const MAX_SANDBOXES = Math.max(4, 2 * availableParallelism());

/**
 * How many sandboxes a function gets here. Each queue's concurrency is granted in full, as a queue whose sandboxes
 * were lent to another one would wait behind it. What somebody waits for is provisioned: one sandbox for the routes,
 * one for each queue.
 */
export function capacityOf(
  { name, reservedConcurrency = Number.POSITIVE_INFINITY }: FunctionSpec,
  { mappings, httpRoutes, webSocket }: Pick<Deployment, 'mappings' | 'httpRoutes' | 'webSocket'>,
): { maxSandboxes: number; provisioned: number } {
  const queues = mappings.filter(({ functionName }) => functionName === name);
  const fed = queues.reduce((sum, { maximumConcurrency = MAX_SANDBOXES }) => sum + maximumConcurrency, 0);
  const isRouted = [...httpRoutes, ...webSocket.routes].some(({ functionName }) => functionName === name);
  return {
    maxSandboxes: Math.min(reservedConcurrency, fed || MAX_SANDBOXES),
    provisioned: queues.length + (isRouted ? 1 : 0),
  };
}
