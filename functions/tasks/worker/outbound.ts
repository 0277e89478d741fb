import type { Database } from '../../database/connect.ts';
import * as store from '../store/index.ts';
import type { TakeTurn } from './process-pool/in-turn.ts';

/** Longest wait of an attempt for its turn. While it waits, it holds a place, and its limits count. */
const LONGEST_SECONDS = 15;

/** Turns of outbound requests. The database counts the turns of all workers. */
export const outboundTurns =
  (db: Database) =>
  (organizationId: string): TakeTurn =>
  (host) =>
    store.takeOutboundTurn(db, { organizationId, host, longestSeconds: LONGEST_SECONDS });

/** Removes past turns, at most `limit`. Returns their number. */
export const removeOutboundTurns = (db: Database, limit: number): Promise<number> =>
  store.removeOutboundTurns(db, limit);
