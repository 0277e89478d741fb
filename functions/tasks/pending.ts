import type { Database } from '../database/connect.ts';
import * as store from './store/index.ts';

/** Sums up all tasks that have not ended, for the bound of the installation. */
export const countPending = (db: Database): Promise<number> => store.countPending(db);
