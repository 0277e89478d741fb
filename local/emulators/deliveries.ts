import type { Deployment } from '../template/deployment.ts';
import { type BusEvent, eventRules } from './eventbridge/event-rules.ts';
import { type EventSourceMapping, startEventSourceMapping } from './lambda/event-source-mapping.ts';
import type { Lambda } from './lambda/lambda.ts';
import type { SqsRequests } from './sqs/sqs-requests.ts';

/** The sources of events: the queues' event source mappings, and the rules of buses and schedules. */
export interface Deliveries {
  /** Hands an event of a bus to the targets of the matching rules. */
  publish(bus: string, event: BusEvent): void;
  startMappings(): void;
  startSchedules(): void;
  /** Starts no further deliveries; deliveries under way continue. */
  pause(): void;
  /** Resolves when the deliveries that were under way at the pause have ended. */
  end(): Promise<void>;
}

export interface DeliveryOptions {
  readonly deployment: Pick<Deployment, 'mappings' | 'queues' | 'rules'>;
  /** Closed by `end`. */
  readonly requests: SqsRequests;
  readonly lambda: Pick<Lambda, 'invoke' | 'invokeLater'>;
  readonly log: (line: string) => void;
}

export function deliveries({ deployment, requests, lambda, log }: DeliveryOptions): Deliveries {
  const queueNamed = (name: string) => deployment.queues.find((queue) => queue.name === name);
  const mappings: EventSourceMapping[] = [];
  let ended: Promise<unknown> = Promise.resolve();

  const rules = eventRules({
    rules: deployment.rules,
    deliver: (arn, payload) => {
      const queueName = /^arn:aws:sqs:.*:([^:]+)$/.exec(arn)?.[1];
      if (queueName === undefined) return lambda.invokeLater(arn, payload);
      void requests
        .send(queueNamed(queueName)?.url ?? '', payload)
        .catch((error) => log(`cannot send to ${queueName}: ${error}`));
    },
    log,
  });

  return {
    publish: rules.publish,
    startMappings: () => {
      for (const mapping of deployment.mappings) {
        const queue = queueNamed(mapping.queueName);
        if (!queue) throw new Error(`the template maps a queue that it does not have: ${mapping.queueName}`);
        mappings.push(startEventSourceMapping({ mapping, queue, requests, lambda, log }));
      }
    },
    startSchedules: rules.startSchedules,
    pause: () => {
      rules.stop();
      ended = Promise.all(mappings.map((mapping) => mapping.stop()));
    },
    end: async () => {
      await ended;
      await requests.close();
    },
  };
}
