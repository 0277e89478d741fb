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

export type Publish = (events: readonly DomainEvent[]) => Promise<void>;
