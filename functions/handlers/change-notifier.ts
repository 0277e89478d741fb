import { extname } from 'node:path';
import type { Announce } from '../tasks/commands/change.ts';
import type { Publish } from '../tasks/events/domain-event.ts';
import { eventPublisher } from '../tasks/events/event-publisher.ts';
import { sockets } from './wiring/clients.ts';
import { logger } from './wiring/logger.ts';

/** The module in the folder beside this one, as source or as bundle. The computed name keeps bundlers from following the import. */
const EVENT_BUS = new URL(`./companions/event-bus${extname(import.meta.url)}`, import.meta.url).href;

/**
 * Notifies about changed rows: sends frames to watchers and publishes events. Every function that moves rows has one
 * notifier.
 */
export function changeNotifier(env: { SOCKET_ENDPOINT: string; EVENT_BUS_NAME: string }) {
  const { announcer, close } = sockets(env);
  const logFailure = (error: unknown) => logger.warn('an event could not be published', { error });
  let publish: Publish | undefined;
  const events = eventPublisher(async (ended) => {
    if (!publish) {
      const { openBus }: typeof import('./companions/event-bus.ts') = await import(EVENT_BUS);
      publish = openBus(env.EVENT_BUS_NAME, logFailure);
    }
    await publish(ended);
  }, logFailure);
  const announce: Announce = (tasks) => {
    announcer.announce(tasks);
    events.announce(tasks);
  };
  const announceBatch: typeof announcer.announceBatch = (batch) => {
    announcer.announceBatch(batch);
    events.announceBatch(batch);
  };
  return {
    close,
    announce,
    announceBatch,
    membershipEnded: announcer.membershipEnded,
    /** Announces reports of running attempts. A report is not a move, so it publishes no event. */
    announceReports: announcer.announce,
    /** Resolves when all watchers and the bus are notified, or after about five seconds at the latest. Never rejects. */
    flush: async () => void (await Promise.all([announcer.flush(), events.flush()])),
  };
}
