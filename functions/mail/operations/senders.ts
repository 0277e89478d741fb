import type { Database, Transaction } from '../../database/connect.ts';
import { comparedAddress, domainOf } from '../address.ts';
import * as store from '../store/index.ts';

/** Returns the identities that may stand for an address: the address itself, and its domain. */
export const identitiesOf = (address: string): readonly [address: string, domain: string] => [
  comparedAddress(address),
  domainOf(address),
];

/** Returns those of the addresses from which the installation may not send. */
export async function notSenders(
  on: Database | Transaction,
  addresses: readonly string[],
): Promise<ReadonlySet<string>> {
  const places = await store.missingSenders(on, addresses.map(identitiesOf));
  return new Set(places.flatMap((place) => addresses[place] ?? []));
}
