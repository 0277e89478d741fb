import * as z from 'zod';
import type { Database } from '../../database/connect.ts';
import * as store from '../store/index.ts';
import { hostOf, MAX_HOST_CHARACTERS } from './process-pool/in-turn.ts';

/** A host name or an address, as a URL has it: in lower case, and names in other scripts in Punycode. */
const Host = z
  .string()
  .max(MAX_HOST_CHARACTERS)
  .transform((text, issues) => {
    const url = URL.parse(`http://${text}/`);
    if (url && hostOf(url) === text.toLowerCase()) return hostOf(url);
    issues.addIssue({ code: 'custom', message: 'Must be a host name or an address, and nothing else' });
    return z.NEVER;
  });

const Command = z.union([
  z.strictObject({ stopHost: Host, reason: z.string().max(500).default('') }),
  z.strictObject({ resumeHost: Host }),
  z.strictObject({ stoppedHosts: z.literal(true) }),
]);

/** A command that an operator gives by invoking the dispatcher. */
export type OperatorCommand = z.output<typeof Command>;

/**
 * Returns the command in an event; undefined for an event of EventBridge.
 *
 * @throws Error when the event names a command but is not valid
 */
export function operatorCommand(event: unknown): OperatorCommand | undefined {
  const names = ['stopHost', 'resumeHost', 'stoppedHosts'];
  if (typeof event !== 'object' || event === null || !names.some((name) => name in event)) return undefined;
  const read = Command.safeParse(event);
  if (read.success) return read.data;
  throw new Error(`Not a command: ${z.prettifyError(read.error)}`);
}

/** Carries a command out. @returns the hosts that are stopped afterwards */
export async function carryOut(
  db: Database,
  command: OperatorCommand,
): Promise<{ stoppedHosts: Awaited<ReturnType<typeof store.stoppedHosts>> }> {
  if ('stopHost' in command) await store.stopHost(db, command.stopHost, command.reason);
  if ('resumeHost' in command) await store.resumeHost(db, command.resumeHost);
  return { stoppedHosts: await store.stoppedHosts(db) };
}
