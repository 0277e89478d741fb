import { invalidFields } from '../refusal.ts';
import { MIN_PASSWORD_LENGTH } from './credentials.ts';

/** Minimum number of different characters. `abababab` is as easy to guess as one repeated character. */
const LEAST_DIFFERENT = 4;

/** Passwords that attackers try first, in lower case. Loaded at the first registration: 49,000 texts take some milliseconds. */
let common: Promise<ReadonlySet<string>> | undefined;

/**
 * Refuses a password that attackers guess early: one of the most common passwords, a password with few different
 * characters, a sequence, or a repetition. The length provides the remaining strength: rules of composition make
 * passwords worse (NIST SP 800-63B, 3.1.1.2).
 *
 * Only new passwords are checked. Older passwords still work for logins.
 *
 * @throws Refusal `invalid_request`, naming the password
 */
export async function demandUncommon(password: string): Promise<void> {
  const fault = patternFault(password) ?? ((await isCommon(password)) ? COMMON : undefined);
  if (fault !== undefined) throw invalidFields([{ in: 'body', pointer: '/password', detail: fault }]);
}

const COMMON = 'Too common: attackers try it among the first';

function patternFault(password: string): string | undefined {
  const characters = Array.from(password.normalize('NFKC').trim().toLowerCase());
  if (new Set(characters).size < LEAST_DIFFERENT) {
    return `Too simple: at least ${LEAST_DIFFERENT} different characters`;
  }
  if (/^(.+?)\1+$/su.test(characters.join(''))) return 'Too simple: it repeats one part';
  if (isSequence(characters)) return 'Too simple: characters in their order';
  return undefined;
}

/** Returns true for texts like `abcdefgh`, `23456789` and `98765432`. */
function isSequence(characters: readonly string[]): boolean {
  const codes = characters.map((character) => character.codePointAt(0) ?? 0);
  const steps = new Set(codes.slice(1).map((code, index) => code - (codes[index] ?? 0)));
  return steps.size === 1 && (steps.has(1) || steps.has(-1));
}

async function isCommon(password: string): Promise<boolean> {
  common ??= import('@zxcvbn-ts/language-common').then(
    ({ dictionary }) =>
      new Set(dictionary['passwords-common'].filter(({ length }) => length >= MIN_PASSWORD_LENGTH)),
  );
  return (await common).has(password.normalize('NFKC').trim().toLowerCase());
}
