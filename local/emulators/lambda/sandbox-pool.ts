import { availableParallelism } from 'node:os';
import type { Deployment, FunctionSpec, MappingSpec } from '../../template/deployment.ts';

/** Largest number of sandboxes of a function, unless its queues ask for more. All sandboxes share one machine. */
const MAX_SANDBOXES = Math.max(4, 2 * availableParallelism());

/**
 * Marks a background queue by its name. Its sandboxes yield the CPU to all others, about nine to one when both want it.
 * On AWS they run on other machines.
 */
const BACKGROUND = { name: /bulk/i, niceness: 10 };

/** Sandboxes of a function that serve one kind of caller. */
export interface Lane {
  /** The only queue that these sandboxes serve. Undefined: all callers without their own lane. */
  readonly queueName?: string;
  /** Largest number of sandboxes. Further invocations wait, because one machine does not have Lambda's thousand. */
  readonly maxSandboxes: number;
  /** Number of sandboxes that start at once and stay. */
  readonly provisioned: number;
  /** How much the sandboxes yield the CPU, added to this process's niceness. Default: 0. */
  readonly niceness?: number;
}

/**
 * Returns the lanes of a function. Every queue gets its full concurrency: a queue whose sandboxes served another queue
 * would wait behind it. One sandbox is provisioned for the routes and one for each queue.
 */
export function lanesOf(
  { name, reservedConcurrency = Number.POSITIVE_INFINITY }: FunctionSpec,
  { mappings, httpRoutes, webSocket }: Pick<Deployment, 'mappings' | 'httpRoutes' | 'webSocket'>,
): Lane[] {
  const mine = mappings.filter(({ functionName }) => functionName === name);
  const isBackground = ({ queueName }: MappingSpec) => BACKGROUND.name.test(queueName);
  const queues = mine.filter((mapping) => !isBackground(mapping));
  const isRouted = [...httpRoutes, ...webSocket.routes].some(({ functionName }) => functionName === name);
  const fed = queues.reduce((sum, queue) => sum + (queue.maximumConcurrency ?? MAX_SANDBOXES), 0);
  return [
    {
      maxSandboxes: Math.min(reservedConcurrency, fed || MAX_SANDBOXES),
      provisioned: queues.length + (isRouted ? 1 : 0),
    },
    ...mine.filter(isBackground).map((queue) => ({
      queueName: queue.queueName,
      maxSandboxes: Math.min(reservedConcurrency, queue.maximumConcurrency ?? MAX_SANDBOXES),
      provisioned: 1,
      niceness: BACKGROUND.niceness,
    })),
  ];
}
