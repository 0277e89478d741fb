import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { DomainEvent, Publish } from '../tasks/events/domain-event.ts';

/** Limits of one PutEvents request: the number of events and their total bytes. */
const BATCH = { events: 10, bytes: 262_144 };

/** Bytes of an entry besides its detail: time, source, type and bus name. */
const FRAME_BYTES = 512;

/** Limit for all requests of one call together. A bus that does not answer must not hold up a task, an answer or a tick. */
const PUBLISH_SECONDS = 5;

type Entry = { event: DomainEvent; detail: string };

/**
 * Publishes domain events to EventBridge. The detail is a CloudEvents 1.0 envelope. Best effort and bounded in time: a
 * request that is under way at the limit is cut off.
 *
 * @param options.onFailure called with the error when events were not published
 * @param options.timeLimit called once per call of the returned function; its signal aborts at the time limit
 */
export function publishEvents(
  client: EventBridgeClient,
  {
    busName,
    onFailure,
    timeLimit = () => AbortSignal.timeout(PUBLISH_SECONDS * 1000),
  }: { busName: string; onFailure: (error: unknown) => void; timeLimit?: (() => AbortSignal) | undefined },
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
    const over = timeLimit();
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

/**
 * Splits entries into as few requests as possible. An entry that is too large travels alone, so that EventBridge refuses
 * it alone.
 */
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
