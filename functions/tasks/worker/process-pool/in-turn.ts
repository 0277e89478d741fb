import { setTimeout as sleep } from 'node:timers/promises';
import type { GuardedFetch } from '../../../fetch/port.ts';
import { PermanentError, RetryError } from '../../define-task.ts';
import type { OutboundTurn } from '../../store/index.ts';

/** Takes an organization's next turn to send a request to a host. */
export type TakeTurn = (host: string) => Promise<OutboundTurn>;

/** Longest valid host name (RFC 1035). A request to a longer name fails at the look-up, and needs no turn. */
export const MAX_HOST_CHARACTERS = 253;

/**
 * Returns a fetch for one organization: each request waits for its turn with the host. Requests after a redirect do too.
 *
 * The fetch throws PermanentError `host_stopped`, RetryError `host_busy` or `turn_unknown`, and the reason of the request's
 * signal.
 */
export function inTurn(fetch: GuardedFetch, takeTurn: TakeTurn): GuardedFetch {
  return async (request) => {
    const signal = request.signal ?? new AbortController().signal;
    // The wait does not count towards the time-out of the request. `fetch` itself refuses an invalid URL.
    const first = URL.parse(request.url);
    if (first) await awaitTurn(takeTurn, first, signal);
    let refused: { error: unknown } | undefined;
    const beforeRedirect = async (to: URL): Promise<void> => {
      try {
        await awaitTurn(takeTurn, to, signal);
      } catch (error) {
        refused = { error };
        throw error;
      }
      await request.beforeRedirect?.(to);
    };
    return fetch({ ...request, beforeRedirect }).catch((error: unknown) => {
      throw refused ? refused.error : error;
    });
  };
}

/** Returns the host of a URL, without the dot that a name may end with. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/\.$/, '');
}

async function awaitTurn(takeTurn: TakeTurn, url: URL, signal: AbortSignal): Promise<void> {
  const host = hostOf(url);
  if (host.length > MAX_HOST_CHARACTERS) return;
  const turn = await takeTurn(host).catch((cause: unknown) => {
    throw new RetryError('turn_unknown', `It is unknown when a request to ${host} may be sent`, {
      cause,
    });
  });
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
  if (turn.afterSeconds === 0) return;
  await sleep(turn.afterSeconds * 1000, undefined, { signal }).catch(() => signal.throwIfAborted());
}
