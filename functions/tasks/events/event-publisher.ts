import type { Announce } from '../commands/change.ts';
import type { Batch, Task, Watched } from '../task.ts';
import type { DomainEvent, Publish } from './domain-event.ts';
import { batchFinishedEvent, finishedEvent } from './task-finished.ts';

export type EventPublisher = {
  /** Collects the events of ended tasks and batches among the rows that a move changed. Returns at once. */
  announce: Announce;
  /** Collects the event of a batch, if it has finished. */
  announceBatch: (batch: Batch) => void;
  /** Resolves when all collected events are published or given up. Never rejects. */
  flush: () => Promise<void>;
};

/**
 * Publishes events of tasks and batches that have ended. Best effort; callers do not wait for it. Every function that brings
 * tasks to a terminal status announces the rows that it has moved. Only this file makes their events.
 */
export function eventPublisher(publish: Publish, onFailure: (error: unknown) => void): EventPublisher {
  /** Events by their ids. When several tasks of a batch end together, each of them brings the batch's event. */
  const events = new Map<string, DomainEvent>();
  const note = (event: DomainEvent) => void events.set(event.id, event);
  return {
    announce(tasks) {
      for (const event of tasks.flatMap(eventsOf)) note(event);
    },
    announceBatch(batch) {
      if (batch.finishedAt) note(batchFinishedEvent(batch));
    },
    async flush() {
      if (events.size === 0) return;
      const noted = [...events.values()];
      events.clear();
      await publish(noted).catch(onFailure);
    },
  };
}

/**
 * Returns the events of a task. A task in a batch has no event of its own, only its batch has: the owner of a hundred thousand
 * tasks wants one event.
 */
function eventsOf(task: Watched<Task>): DomainEvent[] {
  if (task.batchId === null) return task.finishedAt ? [finishedEvent(task)] : [];
  return task.batch?.finishedAt ? [batchFinishedEvent(task.batch)] : [];
}
