import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../database/connect.ts';
import type { GuardedFetch } from '../../fetch/port.ts';
import { PermanentError, RetryError } from '../define-task.ts';
import * as store from '../store/index.ts';
import { hostOf } from './stopped-hosts.ts';

/** Waits until an organization may send a request to a host. @throws PermanentError `host_stopped`, RetryError `host_busy` */
export type AwaitTurn = (organizationId: string, host: string, signal: AbortSignal) => Promise<void>;

/** An attempt waits no longer for its turn: it holds a place, and its limits count. */
const LONGEST_SECONDS = 15;

/** The turns of all workers, which are counted in the database. */
export function outboundTurns(db: Database, take = store.takeOutboundTurn): AwaitTurn {
  return async (organizationId, host, signal) => {
    const turn = await take(db, { organizationId, host, longestSeconds: LONGEST_SECONDS });
    if (turn.kind === 'stopped') {
      throw new PermanentError(
        'host_stopped',
        `The operator of this installation has stopped requests to ${turn.host}`,
      );
    }
    if (turn.kind === 'busy') {
      const { afterSeconds } = turn;
      throw new RetryError('host_busy', `The organization sends too many requests to ${host}`, {
        afterSeconds,
      });
    }
    if (turn.afterSeconds > 0) await sleep(turn.afterSeconds * 1000, undefined, { signal });
  };
}

/** Removes turns that are over. */
export const removeOutboundTurns = (db: Database, limit: number): Promise<number> =>
  store.removeOutboundTurns(db, limit);

/** Outbound requests of one organization: each waits for its turn with the host, those after a redirect too. */
export function inTurn(fetch: GuardedFetch, awaitTurn: AwaitTurn, organizationId: string): GuardedFetch {
  return async (request) => {
    const signal = request.signal ?? new AbortController().signal;
    const turnOf = (url: URL) => awaitTurn(organizationId, hostOf(url) ?? '', signal);
    const first = URL.parse(request.url);
    // Not counted towards the time-out of the request. What is no URL, the fetch refuses.
    if (first) await turnOf(first);
    let refused: { error: unknown } | undefined;
    const beforeRedirect = async (to: URL): Promise<void> => {
      await turnOf(to).catch((error: unknown) => {
        refused = { error };
        throw error;
      });
    };
    return fetch({ ...request, organizationId, beforeRedirect }).catch((error: unknown) => {
      throw refused ? refused.error : error;
    });
  };
}
