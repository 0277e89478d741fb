/** A domain event, in the terms of CloudEvents. */
export type DomainEvent = {
  /** Equal when the event is published again, so that consumers can detect the repetition. */
  id: string;
  /** e.g. `task.finished` */
  type: string;
  /** The thing that the event is about, e.g. a task's id. */
  subject: string;
  time: Date;
  data: Record<string, unknown>;
};

export type Publish = (events: readonly DomainEvent[]) => Promise<void>;
