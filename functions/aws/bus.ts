import { type EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';

/** A domain event, in CloudEvents' terms. */
export type DomainEvent = {
  /** The same when the event is published again, so that consumers can tell. */
  id: string;
  /** e.g. `task.finished` */
  type: string;
  /** What it is about, e.g. a task's id. */
  subject: string;
  time: Date;
  data: Record<string, unknown>;
};

/** Events that one PutEvents may carry. */
const BATCH = 10;

/** Publishes domain events to EventBridge; the detail is a CloudEvents 1.0 envelope. */
export function publishEvents(
  client: EventBridgeClient,
  busName: string,
  onFailure: (error: unknown) => void,
) {
  return async (events: readonly DomainEvent[]): Promise<void> => {
    for (let start = 0; start < events.length; start += BATCH) {
      try {
        const answer = await client.send(
          new PutEventsCommand({
            Entries: events.slice(start, start + BATCH).map(({ id, type, subject, time, data }) => ({
              EventBusName: busName,
              Source: 'celeriac',
              DetailType: type,
              Time: time,
              Detail: JSON.stringify({
                specversion: '1.0',
                id,
                source: 'celeriac',
                type,
                subject,
                time,
                data,
              }),
            })),
          }),
        );
        if (answer.FailedEntryCount)
          onFailure(new Error(`EventBridge refused ${answer.FailedEntryCount} events`));
      } catch (error) {
        onFailure(error);
      }
    }
  };
}
