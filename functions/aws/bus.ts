import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { DomainEvent, Publish } from '../tasks/events/domain-event.ts';

/** Events that one PutEvents may carry, and their bytes together. */
const BATCH = { events: 10, bytes: 262_144 };

/** Of an entry, beside its detail: its time, source and type, and the name of the bus. */
const FRAME_BYTES = 512;

/** All requests of one call together: no task, answer or tick waits for a bus that does not answer. */
const PATIENCE_SECONDS = 5;

type Entry = { event: DomainEvent; detail: string };

/**
 * Publishes domain events to EventBridge; the detail is a CloudEvents 1.0 envelope. Best effort, and bounded in time: what
 * is under way then is cut off.
 *
 * @param onFailure told of events that were not published
 * @param patience  begins with each call, and aborts when it is over
 */
export function publishEvents(
  client: EventBridgeClient,
  busName: string,
  onFailure: (error: unknown) => void,
  patience = () => AbortSignal.timeout(PATIENCE_SECONDS * 1000),
): Publish {
  const put = async (entries: readonly Entry[], abortSignal: AbortSignal): Promise<void> => {
    try {
      const answer = await client.send(
        new PutEventsCommand({
          Entries: entries.map(({ event: { type, time }, detail }) => ({
            EventBusName: busName,
            Source: 'celeriac',
            DetailType: type,
            Time: time,
            Detail: detail,
          })),
        }),
        { abortSignal },
      );
      if (answer.FailedEntryCount)
        onFailure(new Error(`EventBridge refused ${answer.FailedEntryCount} events`));
    } catch (error) {
      onFailure(error);
    }
  };
  return async (events) => {
    const over = patience();
    let done = 0;
    for (const batch of batches(events.map((event) => ({ event, detail: envelope(event) })))) {
      if (over.aborted) {
        onFailure(new Error(`EventBridge is too slow: ${events.length - done} events were not published`));
        return;
      }
      await put(batch, over);
      done += batch.length;
    }
  };
}

function envelope({ id, type, subject, time, data }: DomainEvent): string {
  return JSON.stringify({ specversion: '1.0', id, source: 'celeriac', type, subject, time, data });
}

/** As few requests as may carry them. One that is too large by itself is alone, and is refused alone. */
function batches(entries: readonly Entry[]): Entry[][] {
  const made: Entry[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = Buffer.byteLength(entry.detail) + FRAME_BYTES;
    const open = made.at(-1);
    if (open && open.length < BATCH.events && bytes + size <= BATCH.bytes) {
      open.push(entry);
      bytes += size;
    } else {
      made.push([entry]);
      bytes = size;
    }
  }
  return made;
}
