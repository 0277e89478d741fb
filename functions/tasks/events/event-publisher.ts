import type { Announce } from '../commands/change.ts';
import type { Batch, Task, Watched } from '../task.ts';
import type { DomainEvent, Publish } from './domain-event.ts';
import { batchFinishedEvent, finishedEvent } from './task-finished.ts';

export type EventPublisher = {
  /** Takes note of what has ended of the rows that a move left, and returns at once. */
  announce: Announce;
  /** The same for a batch alone. */
  announceBatch: (batch: Batch) => void;
  /** Resolves when the events of all that was noted are published, or given up. Never rejects. */
  flush: () => Promise<void>;
};

/**
 * Publishes events of tasks and batches that have ended. Best effort; callers do not wait for it. Every function that brings
 * tasks to a terminal status announces the rows that it has moved. Their events are made here and nowhere else.
 */
export function eventPublisher(publish: Publish, onFailure: (error: unknown) => void): EventPublisher {
  /** By their ids: a batch is told by each of its tasks that ended together. */
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

/** A task of a batch is told of by its batch's end alone: who makes a hundred thousand wants to hear of it once. */
function eventsOf(task: Watched<Task>): DomainEvent[] {
  if (task.batchId === null) return task.finishedAt ? [finishedEvent(task)] : [];
  return task.batch?.finishedAt ? [batchFinishedEvent(task.batch)] : [];
}
