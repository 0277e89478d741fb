import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { publishEvents } from '../aws/bus.ts';
import { CLIENT_SETTINGS } from '../aws/client-settings.ts';
import type { Publish } from '../tasks/events/domain-event.ts';

/*
 * A bundle of its own, beside those of the functions that move tasks, which load it when something has ended: most requests
 * and ticks have no use for it, and are not to pay for it at a cold start.
 */

/** The bus, with its client. */
export const openBus = (busName: string, onFailure: (error: unknown) => void): Publish =>
  publishEvents(new EventBridgeClient(CLIENT_SETTINGS), busName, onFailure);
