import { Resolver } from 'node:dns/promises';

/**
 * All addresses of a host name, IPv4 and IPv6.
 *
 * @throws when there is none, when none is found in time, and when `signal` aborts
 */
export type LookUp = (hostname: string, signal: AbortSignal) => Promise<readonly string[]>;

/** Longest that a lookup takes, with all questions that are asked again. */
const LOOKUP_SECONDS = 5;

/** A question that is not answered is asked again after so long, then after twice that. */
const FIRST_TRY_MS = 1_000;
const TRIES = 3;

/**
 * Longest wait for the second kind of addresses after the first kind is there. Some name servers never answer
 * questions for IPv6 (RFC 8305, section 3).
 */
const SECOND_FAMILY_MS = 300;

/**
 * Asks name servers by c-ares. `dns.lookup` would ask as the operating system does, on four threads for the whole
 * process, and could not be stopped: 80 names that never answer would hold everybody's requests up. Neither
 * `/etc/hosts` nor the search domains of `/etc/resolv.conf` are used.
 *
 * @param servers addresses, each with an optional port; by default those of the system
 */
export function dnsLookUp(servers: readonly string[] = []): LookUp {
  return async (hostname, signal) => {
    signal.throwIfAborted();
    // A resolver for each lookup: `cancel` ends all that one resolver asks.
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
