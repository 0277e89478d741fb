import { domainToASCII } from 'node:url';
import * as z from 'zod';
import { nameFault } from '../name-fault.ts';

/** Upper bounds of an address and of its part before the @, in bytes (RFC 5321, 4.5.3.1 and 5.1). */
export const MAX_ADDRESS_BYTES = 254;
const MAX_LOCAL_PART_BYTES = 64;

/** Upper bound of a name before an address, in characters. */
const MAX_NAME = 200;

/** A dot-atom (RFC 5322, 3.2.3). SES delivers to no address with other characters before the @. */
const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

/** Two labels or more; the last one does not look like a part of an IP address. */
const ASCII_DOMAIN =
  /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** ASCII characters that a domain cannot have. `domainToASCII` would decode some of them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is about control characters, too
const NOT_IN_DOMAIN = /[\x00-\x20\x7f!-,/:-@[-`{-~]/;

/** An address, with the name of the person or the system that it belongs to. */
export type Mailbox = { readonly address: string; readonly name?: string | undefined };

/** Returns the rule that an address breaks, or undefined. */
export function addressFault(address: string): string | undefined {
  const at = address.lastIndexOf('@');
  if (at < 1) return 'Must be an address, such as ada@example.com';
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  if (!LOCAL_PART.test(local) || local.length > MAX_LOCAL_PART_BYTES)
    return `Must have letters of ASCII, digits and !#$%&'*+/=?^_\`{|}~- before the @, with single dots between them, at most ${MAX_LOCAL_PART_BYTES} characters`;
  const ascii = asciiDomain(domain);
  if (ascii === undefined) return 'Must have a domain after the @, such as example.com';
  if (local.length + 1 + ascii.length > MAX_ADDRESS_BYTES)
    return `Must have at most ${MAX_ADDRESS_BYTES} bytes, with its domain in ASCII`;
  return undefined;
}

/**
 * Returns an address as mail servers write it: the domain in ASCII and lower case. `ada@bücher.example` becomes
 * `ada@xn--bcher-kva.example`.
 *
 * @param address one without a fault
 */
export function asciiAddress(address: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, at)}@${asciiDomain(address.slice(at + 1)) ?? ''}`;
}

/** Returns an address in the form in which addresses are compared. Nearly all servers ignore the case before the @, too. */
export const comparedAddress = (address: string): string => asciiAddress(address).toLowerCase();

/** Returns the domain of an address, in ASCII and lower case. */
export const domainOf = (address: string): string => asciiAddress(address).split('@').at(-1) ?? '';

function asciiDomain(domain: string): string | undefined {
  if (NOT_IN_DOMAIN.test(domain)) return undefined;
  const ascii = domainToASCII(domain).toLowerCase();
  return ASCII_DOMAIN.test(ascii) ? ascii : undefined;
}

/** Schema of an address alone. */
export const Address = z
  .string()
  .max(MAX_ADDRESS_BYTES)
  .superRefine((address, issues) => {
    const fault = addressFault(address);
    if (fault !== undefined) issues.addIssue(fault);
  })
  .meta({ format: 'idn-email', maxLength: MAX_ADDRESS_BYTES });

const Named = z.strictObject({
  address: Address,
  name: z
    .string()
    .max(MAX_NAME)
    .superRefine((name, issues) => {
      // Some programs decode encoded words (RFC 2047) in quotes, too, and would show another name.
      const fault = nameFault(name) ?? (name.includes('=?') ? 'Must not contain "=?"' : undefined);
      if (fault !== undefined) issues.addIssue(fault);
    })
    .meta({ maxLength: MAX_NAME, format: 'name' })
    .optional(),
});

/** Schema of an address, alone or with a name. */
export const MailboxField = z
  .union([Address, Named])
  .describe('`"ada@example.com"`, or `{ "address": "ada@example.com", "name": "Ada" }`');

/** Returns a mailbox of a payload in one form. */
export const mailboxOf = (given: z.output<typeof MailboxField>): Mailbox =>
  typeof given === 'string' ? { address: given } : given;
