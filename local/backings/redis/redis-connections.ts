import { type AskConnection, GONE } from '../../emulators/api-gateway/websocket-management.ts';
import type { Redis } from './redis-client.ts';
import { holderOf } from './redis-holders.ts';
import type { Mailbox } from './redis-mailbox.ts';

/**
 * Asks the process that holds the connection. Answers 410 when no process holds it, and 500 when Redis or the holder
 * does not answer.
 */
export function askHolder(redis: Redis, mailbox: Mailbox): AskConnection {
  return async (request) => {
    try {
      const holder = await holderOf(redis, request.connectionId);
      return (holder !== undefined && (await mailbox.ask(holder, request))) || GONE;
    } catch {
      return { status: 500, errorType: 'InternalServerErrorException' };
    }
  };
}
