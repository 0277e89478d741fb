import { validate as isUuid, NIL } from 'uuid';
import type { Database } from '../database/connect.ts';
import { asMember, type Principal } from '../database/enter.ts';
import { Refusal } from '../refusal.ts';
import { getBatch } from '../tasks/queries/batches.ts';
import { getTask } from '../tasks/queries/tasks.ts';
import * as store from './store.ts';
import { redeemTicket } from './tickets.ts';

/** The subprotocol of our WebSockets. A token may follow it in the client's list. */
export const SUBPROTOCOL = 'celeriac';

/** Credentials of a client, in the order in which they are checked. */
export type Credentials = {
  /** Query parameter `ticket`. */
  ticket: string | undefined;
  /** `Sec-WebSocket-Protocol: celeriac, <access token>`. */
  subprotocols: readonly string[];
  /** Query parameter `token`. Allowed only where the deployment allows it, because URLs end up in logs. */
  tokenInUrl: string | undefined;
};

export type ConnectDeps = {
  db: Database;
  verifyToken: (token: string) => Promise<Principal>;
  tokenInUrlAllowed: boolean;
};

/**
 * Authenticates a client and stores its connection.
 *
 * @param named the task or batch in the address, if any; the refusal is the same for a subject that the client may not
 *   see and for an unknown one
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
