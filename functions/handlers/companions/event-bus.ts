import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { publishEvents } from '../../aws/bus.ts';
import { CLIENT_SETTINGS } from '../../aws/client-settings.ts';
import type { Publish } from '../../tasks/events/domain-event.ts';

/*
 * This module is a bundle of its own. Functions that move tasks load it only when a task has finished: most requests and
 * ticks do not need it, and must not pay for it at a cold start.
 */

/** Returns the function that publishes to the bus, with a client of its own. */
export const openBus = (busName: string, onFailure: (error: unknown) => void): Publish =>
  publishEvents(new EventBridgeClient(CLIENT_SETTINGS), { busName, onFailure });
