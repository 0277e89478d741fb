import type { Database, Transaction } from '../connect.ts';
import { asMember } from '../enter.ts';
import type { FUNCTION_ROLES } from '../roles.ts';
import type { CallSetup } from './call-setup.ts';

/** The database role of a function, without its prefix. */
export type RoleName = (typeof FUNCTION_ROLES)[number] extends `celeriac_${infer Name}` ? Name : never;

/** Calls one function of a store. */
export type Call = (db: Database, setup: CallSetup) => Promise<unknown>;

/**
 * Calls of every function of a store, by the roles that make them. A new function of the store without a call here fails to
 * compile.
 */
export type Calls<Store> = {
  [Name in keyof Store as Store[Name] extends (...given: never[]) => Promise<unknown> | AsyncGenerator
    ? Name
    : never]: Partial<Record<RoleName, Call | readonly Call[]>>;
};

/** Returns a call in a transaction of the setup's member. */
export const mine =
  (work: (tx: Transaction, setup: CallSetup) => Promise<unknown>): Call =>
  (db, setup) =>
    asMember(db, setup.member, (tx) => work(tx, setup));

/** A concurrency key of tasks that `call-setup.ts` makes. */
export const KEY = 'k';
