import { lookup as systemLookup } from 'node:dns/promises';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { addressFault, type LoopbackRule } from './address-rules.ts';
import { FetchError } from './fetch-error.ts';

/**
 * All addresses of a host name, IPv4 and IPv6.
 *
 * @throws when there is none
 */
export type Resolver = (hostname: string) => Promise<readonly string[]>;

/** Asks as the operating system does: hosts file, then DNS. */
export const systemResolver: Resolver = async (hostname) => {
  const found = await systemLookup(hostname, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
};

const CONNECT_SECONDS = 10;
const MAX_RESPONSE_HEADER_BYTES = 32 * 1024;

/** RFC 6761, 6.3. */
const LOCALHOST = /^(?:.+\.)?localhost\.?$/i;

/**
 * A dispatcher whose every connection goes to a checked address. A name is resolved once per connection, inside the
 * socket's own lookup: what was checked is what is connected to, so a name that resolves differently the next
 * moment gains nothing. Connections are not kept: a sandbox that was frozen would wake up with dead ones.
 */
export function guardedAgent(loopback: LoopbackRule, resolve: Resolver): Agent {
  const open = buildConnector({
    allowH2: false,
    autoSelectFamily: true,
    lookup: checkedLookup(loopback, resolve),
    maxCachedSessions: 0,
    // Also where NODE_TLS_REJECT_UNAUTHORIZED says otherwise.
    rejectUnauthorized: true,
    timeout: CONNECT_SECONDS * 1000,
  });
  return new Agent({
    allowH2: false,
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    pipelining: 0,
    connect(target, done) {
      const refusal = unresolvedRefusal(target.hostname, loopback);
      if (refusal !== undefined) return done(refusal, null);
      open(target, (error, socket) => {
        if (error !== null) return done(error, null);
        const late = remoteRefusal(target.hostname, socket, loopback);
        if (late === undefined) return done(null, socket);
        socket.destroy();
        done(late, null);
      });
    },
  });
}

/** A socket does not look up an address, so one in the URL is checked here; and what `localhost` means needs no asking. */
function unresolvedRefusal(hostname: string, loopback: LoopbackRule): FetchError | undefined {
  if (isIP(hostname) !== 0) return refusalOf(hostname, hostname, loopback);
  if (!LOCALHOST.test(hostname)) return undefined;
  return refusalOf(hostname, '127.0.0.1', loopback);
}

/** The last line: whatever the lookup and the system did, nothing is sent to an address that is refused. */
function remoteRefusal(hostname: string, socket: Socket, loopback: LoopbackRule): FetchError | undefined {
  return refusalOf(hostname, socket.remoteAddress ?? '', loopback);
}

/** A lookup that fails when any of the name's addresses is refused: a mixed answer is an attack or a mistake. */
function checkedLookup(loopback: LoopbackRule, resolve: Resolver): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname).then(
      (addresses) => {
        const refusal = addresses
          .map((address) => refusalOf(hostname, address, loopback))
          .find((found) => found);
        const [first] = addresses;
        if (refusal !== undefined) return done(refusal, []);
        if (first === undefined) return done(new FetchError('dns', `${hostname} has no address`), []);
        if (options.all !== true) return done(null, first, isIP(first));
        done(
          null,
          addresses.map((address) => ({ address, family: isIP(address) })),
        );
      },
      (cause: unknown) => done(new FetchError('dns', `${hostname} cannot be resolved`, { cause }), []),
    );
  };
}

/** The message does not tell the address that a name resolved to: the caller may be mapping an inner network. */
function refusalOf(hostname: string, address: string, loopback: LoopbackRule): FetchError | undefined {
  const fault = addressFault(address, loopback);
  if (fault === undefined) return undefined;
  return new FetchError('address_refused', `${hostname} is not a public address (${fault})`);
}
