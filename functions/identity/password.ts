import * as crypto from 'node:crypto';
import { promisify } from 'node:util';

/** The minimum that OWASP recommends; `memory` in KiB. After an increase, each password is rehashed at its next login. */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

type Cost = { memory: number; passes: number; parallelism: number };

/**
 * Hashes a password with argon2id.
 *
 * @returns a PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`
 * @throws Error when Node is older than 24.7
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.randomBytes(SALT_BYTES);
  const hash = await argon2id(password, { salt, cost: COST, tagLength: HASH_BYTES });
  return `${prefix(COST)}${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * Compares a password with a stored hash in constant time. Without a stored hash (an unknown user) it does the same work
 * and returns false, so that the time of an answer does not reveal which accounts exist.
 *
 * @throws Error when `stored` is not a PHC string of argon2id
 */
export async function verifyPassword(stored: string | null, password: string): Promise<boolean> {
  const { cost, salt, hash } = stored === null ? NOBODY : parsePhc(stored);
  const given = await argon2id(password, { salt, cost, tagLength: hash.length });
  return crypto.timingSafeEqual(given, hash) && stored !== null;
}

/** Returns true when a stored hash was made with another cost than the current one. */
export function isOutdated(stored: string): boolean {
  return !stored.startsWith(prefix(COST));
}

const NOBODY = { cost: COST, salt: Buffer.alloc(SALT_BYTES), hash: Buffer.alloc(HASH_BYTES) };

function argon2id(
  password: string,
  { salt, cost, tagLength }: { salt: Buffer; cost: Cost; tagLength: number },
): Promise<Buffer> {
  if (typeof crypto.argon2 !== 'function') {
    throw new Error(
      `Passwords need argon2, which Node has since 24.7. This is ${process.version}. Start Celeriac by npm, which uses the right Node`,
    );
  }
  // Keyboards may send the same character as different code points, so the password is normalized.
  const message = password.normalize('NFKC');
  return promisify(crypto.argon2)('argon2id', { message, nonce: salt, tagLength, ...cost });
}

function parsePhc(stored: string): { cost: Cost; salt: Buffer; hash: Buffer } {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/-]+)\$([\w+/-]+)$/.exec(stored);
  // The message must not contain the hash.
  if (!match) throw new Error('A stored password hash is not a PHC string of argon2id');
  const [, memory, passes, parallelism, salt = '', hash = ''] = match;
  return {
    cost: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}

function prefix({ memory, passes, parallelism }: Cost): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$`;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
