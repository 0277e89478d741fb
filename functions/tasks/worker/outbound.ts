import type { Database } from '../../database/connect.ts';
import * as store from '../store/index.ts';
import type { TakeTurn } from './process-pool/in-turn.ts';

/** An attempt waits no longer for its turn: it holds a place, and its limits count. */
const LONGEST_SECONDS = 15;

/** The turns of all workers, which are counted in the database. */
export const outboundTurns =
  (db: Database) =>
  (organizationId: string): TakeTurn =>
  (host) =>
    store.takeOutboundTurn(db, { organizationId, host, longestSeconds: LONGEST_SECONDS });

/** Removes turns that are over. */
export const removeOutboundTurns = (db: Database, limit: number): Promise<number> =>
  store.removeOutboundTurns(db, limit);
