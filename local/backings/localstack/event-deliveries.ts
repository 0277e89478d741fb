import { setTimeout as sleep } from 'node:timers/promises';
import { type Deliveries, type DeliveryOptions, deliveries } from '../../emulators/deliveries.ts';
import { type EventQueue, eventQueues } from './provision.ts';

/** Seconds of SQS's long poll. */
const WAIT_SECONDS = 20;

/**
 * Deliveries for queues and buses in the emulator. The emulator matches event patterns; a matched event for a function
 * arrives through the event queue of that function. The runtime fires the schedules itself.
 *
 * @param options.endpoint the emulator's address
 */
export function eventDeliveries(options: DeliveryOptions & { readonly endpoint: string }): Deliveries {
  const { deployment, requests, lambda, log, endpoint } = options;
  const inner = deliveries({
    ...options,
    deployment: { ...deployment, rules: deployment.rules.filter(({ schedule }) => schedule) },
  });
  const stopping = new AbortController();
  const polling: Promise<void>[] = [];

  async function poll({ name, url, targetArn }: EventQueue): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        const messages = await requests.receive(url, {
          max: 10,
          waitSeconds: WAIT_SECONDS,
          signal: stopping.signal,
        });
        if (messages.length === 0) continue;
        // An accepted event counts as delivered. From here on Lambda retries, as it does after EventBridge.
        for (const { Body } of messages) lambda.invokeLater(targetArn, Body);
        await requests.remove(
          url,
          messages.map(({ ReceiptHandle }) => ReceiptHandle),
        );
      } catch (error) {
        if (stopping.signal.aborted) return;
        log(`cannot receive from ${name}: ${error instanceof Error ? error.message : error}`);
        await sleep(1000);
      }
    }
  }

  return {
    ...inner,
    startMappings: () => {
      inner.startMappings();
      polling.push(...eventQueues(deployment.rules, endpoint).map(poll));
    },
    pause: () => {
      stopping.abort();
      inner.pause();
    },
    end: async () => {
      await Promise.all(polling);
      await inner.end();
    },
  };
}
