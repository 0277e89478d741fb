import { availableParallelism } from 'node:os';
import type { Deployment, FunctionSpec, MappingSpec } from '../../template/deployment.ts';

/** Sandboxes of a function at most, unless its queues ask for more: they share a laptop, not a data centre. */
const MAX_SANDBOXES = Math.max(4, 2 * availableParallelism());

/**
 * Of a queue that says by its name that nobody waits for it. Its sandboxes give way to all others on the CPU, nine to
 * one where both want it: on AWS they run on other machines.
 */
const BACKGROUND = { name: /bulk/i, niceness: 10 };

/** Sandboxes of a function that serve the same callers. */
export interface Lane {
  /** The queue that they serve and nobody else; undefined: everybody without a lane of their own. */
  readonly queueName?: string;
  /** Sandboxes at most. Further invocations wait for one, as a laptop has not Lambda's thousand. */
  readonly maxSandboxes: number;
  /** Sandboxes that are started at once and kept. */
  readonly provisioned: number;
  /** How much more than this process they give way to others; the system's niceness. Default: 0. */
  readonly niceness?: number;
}

/**
 * How many sandboxes a function gets here. Each queue's concurrency is granted in full, as a queue whose sandboxes
 * were lent to another one would wait behind it. What somebody waits for is provisioned: one sandbox for the routes,
 * one for each queue.
 */
export function lanesOf(
  { name, reservedConcurrency = Number.POSITIVE_INFINITY }: FunctionSpec,
  { mappings, httpRoutes, webSocket }: Pick<Deployment, 'mappings' | 'httpRoutes' | 'webSocket'>,
): Lane[] {
  const mine = mappings.filter(({ functionName }) => functionName === name);
  const isBackground = ({ queueName }: MappingSpec) => BACKGROUND.name.test(queueName);
  const queues = mine.filter((mapping) => !isBackground(mapping));
  const isRouted = [...httpRoutes, ...webSocket.routes].some(({ functionName }) => functionName === name);
  const fed = queues.reduce((sum, queue) => sum + concurrencyOf(queue), 0);
  return [
    {
      maxSandboxes: Math.min(reservedConcurrency, fed || MAX_SANDBOXES),
      provisioned: queues.length + (isRouted ? 1 : 0),
    },
    ...mine.filter(isBackground).map((queue) => ({
      queueName: queue.queueName,
      maxSandboxes: Math.min(reservedConcurrency, concurrencyOf(queue)),
      provisioned: 1,
      niceness: BACKGROUND.niceness,
    })),
  ];
}

function concurrencyOf({ maximumConcurrency = MAX_SANDBOXES }: MappingSpec): number {
  return maximumConcurrency;
}
