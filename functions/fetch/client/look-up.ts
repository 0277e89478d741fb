import { Resolver } from 'node:dns/promises';

/**
 * Finds all addresses of a host name, IPv4 and IPv6.
 *
 * @throws when the name has no address, when none is found in time, and when `signal` aborts
 */
export type LookUp = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/** Maximum duration of a lookup, repeated questions included. */
const LOOKUP_SECONDS = 5;

/** Milliseconds until an unanswered question is asked again. The next pause is twice as long. */
const FIRST_TRY_MS = 1_000;
const TRIES = 3;

/**
 * Maximum wait for the second kind of address after the first kind has arrived. Some name servers never answer questions
 * for IPv6 (RFC 8305, section 3).
 */
const SECOND_FAMILY_MS = 300;

/**
 * Makes a lookup that asks name servers through c-ares. `dns.lookup` uses the operating system, on four threads for the
 * whole process, and cannot be stopped: 80 names that never resolve would block the requests of every caller. The lookup
 * uses neither `/etc/hosts` nor the search domains of `/etc/resolv.conf`.
 *
 * @param servers addresses, each with an optional port; by default the system's name servers
 */
export function dnsLookUp(servers: readonly string[] = []): LookUp {
  return async (hostname, signal) => {
    signal.throwIfAborted();
    // Each lookup has a resolver of its own, because `cancel` ends all questions of one resolver.
    const resolver = new Resolver({ timeout: FIRST_TRY_MS, tries: TRIES });
    if (servers.length > 0) resolver.setServers(servers);
    const cancel = () => resolver.cancel();
    const timers = [setTimeout(cancel, LOOKUP_SECONDS * 1000)];
    const hurry = () => timers.push(setTimeout(cancel, SECOND_FAMILY_MS));
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const questions = [resolver.resolve4(hostname), resolver.resolve6(hostname)];
      for (const question of questions) question.then(hurry, () => {});
      const answers = await Promise.allSettled(questions);
      signal.throwIfAborted();
      const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (addresses.length === 0) throw new Error('No address', { cause: answers.map(reasonOf) });
      return addresses;
    } finally {
      signal.removeEventListener('abort', cancel);
      for (const timer of timers) clearTimeout(timer);
    }
  };
}

function reasonOf(answer: PromiseSettledResult<unknown>): unknown {
  return answer.status === 'rejected' ? answer.reason : undefined;
}
