import { validate as isUuid, NIL } from 'uuid';
import type { Database } from '../database/connect.ts';
import { asMember, type Principal } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';
import { getBatch } from '../tasks/queries/batches.ts';
import { getTask } from '../tasks/queries/tasks.ts';
import * as store from './store.ts';
import { redeemTicket } from './tickets.ts';

/** The subprotocol that we speak; a token may follow it in the client's list. */
export const SUBPROTOCOL = 'celeriac';

/** What a client may show to be let in, in the order in which it is looked at. */
export type Credentials = {
  /** Query parameter `ticket`. */
  ticket: string | undefined;
  /** `Sec-WebSocket-Protocol: celeriac, <access token>`. */
  subprotocols: readonly string[];
  /** Query parameter `token`; as URLs end up in logs, only where the deployment allows it. */
  tokenInUrl: string | undefined;
};

export type ConnectDeps = {
  db: Database;
  verifyToken: (token: string) => Promise<Principal>;
  tokenInUrlAllowed: boolean;
};

/**
 * Lets a client in and remembers it.
 *
 * @param named what the address names, if anything; what the client may not see is refused like something unknown
 * @throws Refusal `not_authenticated`, `token_not_valid`, `session_ended`, `task_not_found`, `batch_not_found`,
 *   `too_many_connections`
 */
export async function connectSocket(
  deps: ConnectDeps,
  connectionId: string,
  {
    credentials,
    named,
  }: { credentials: Credentials; named: { taskId: string | undefined; batchId: string | undefined } },
): Promise<void> {
  const principal = await authenticate(deps, credentials);
  const { taskId, batchId } = named;
  if (taskId !== undefined) await getTask(deps, principal, { id: isUuid(taskId) ? taskId : NIL });
  if (batchId !== undefined) await getBatch(deps, principal, isUuid(batchId) ? batchId : NIL);
  const opened = await asMember(deps.db, principal, (tx) =>
    store.openConnection(tx, connectionId, principal),
  );
  if (!opened) throw tooManyConnections();
}

function tooManyConnections(): Refusal {
  const rule = `A user may have ${store.MAX_CONNECTIONS} connections; close another one first`;
  return new Refusal('too_many_requests', 'too_many_connections', rule);
}

async function authenticate(
  deps: ConnectDeps,
  { ticket, subprotocols, tokenInUrl }: Credentials,
): Promise<Principal> {
  if (ticket !== undefined) {
    const principal = await redeemTicket(deps, ticket);
    if (principal) return principal;
    throw new Refusal('unauthenticated', 'ticket_not_valid', 'The ticket is unknown, used or too old');
  }
  const offered = subprotocols.find((protocol) => protocol !== SUBPROTOCOL);
  const token = offered ?? (deps.tokenInUrlAllowed ? tokenInUrl : undefined);
  if (token === undefined) {
    throw new Refusal(
      'unauthenticated',
      'not_authenticated',
      'A ticket, or a token as subprotocol, is needed',
    );
  }
  return deps.verifyToken(token);
}
