import { createHash } from 'node:crypto';
import type { Database } from '../../database/connect.ts';
import { retryOnConnectionLoss } from '../../database/retry-on-connection-loss.ts';
import { Refusal } from '../../refusal.ts';
import { addressFault, comparedAddress, MAX_ADDRESS_BYTES } from '../address.ts';
import * as store from '../store/index.ts';

/** Bytes of an organization's id and of a signature. */
const ID_BYTES = 16;
const SIGNATURE_BYTES = 32;

/** Characters of the longest token. */
export const MAX_TOKEN = Math.ceil(((ID_BYTES + SIGNATURE_BYTES + MAX_ADDRESS_BYTES) * 4) / 3);

/** The content of a link for unsubscribing: the organization, the address, and a signature of the organization. */
type Unsubscription = { organizationId: string; address: string; signature: Buffer };

/**
 * Returns the address to which a mail program sends a POST when its user unsubscribes (RFC 8058). Whoever knows it can unsubscribe
 * this one address, and nothing else. It works as long as the organization exists.
 *
 * @param installation URL of the installation, without a slash at its end
 */
export async function unsubscribeUrl(
  db: Database,
  {
    installation,
    organizationId,
    address,
  }: { installation: string; organizationId: string; address: string },
): Promise<string> {
  const key = await retryOnConnectionLoss(() => store.unsubscribeKey(db, organizationId));
  const compared = comparedAddress(address);
  const signature = sha256(key, sha256(key, Buffer.from(compared)));
  const id = Buffer.from(organizationId.replaceAll('-', ''), 'hex');
  const token = Buffer.concat([id, signature, Buffer.from(compared)]).toString('base64url');
  return `${installation}/api/unsubscribe/${token}/`;
}

/**
 * Carries an unsubscription out: the organization sends no more mail to the address. Safe to repeat.
 *
 * @throws Refusal `unsubscribe_link_not_valid`
 */
export async function unsubscribe({ db }: { db: Database }, token: string): Promise<void> {
  const read = readToken(token);
  if (!read || !(await store.unsubscribe(db, read))) throw linkNotValid();
}

/** Returns the address that a link unsubscribes, without a check of its signature. @throws Refusal `unsubscribe_link_not_valid` */
export function addressOfLink(token: string): string {
  const read = readToken(token);
  if (!read) throw linkNotValid();
  return read.address;
}

function readToken(token: string): Unsubscription | undefined {
  if (!/^[\w-]+$/.test(token) || token.length > MAX_TOKEN) return undefined;
  const bytes = Buffer.from(token, 'base64url');
  const address = bytes.subarray(ID_BYTES + SIGNATURE_BYTES).toString('latin1');
  if (addressFault(address) !== undefined || comparedAddress(address) !== address) return undefined;
  const id = bytes.subarray(0, ID_BYTES).toString('hex');
  return {
    organizationId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    signature: bytes.subarray(ID_BYTES, ID_BYTES + SIGNATURE_BYTES),
    address,
  };
}

function sha256(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

const linkNotValid = () =>
  new Refusal('not_found', 'unsubscribe_link_not_valid', 'This link for unsubscribing is not valid');
