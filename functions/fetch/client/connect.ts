import { isIP, type LookupFunction, type Socket, connect as tcpConnect } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import type { buildConnector } from 'undici';
import { addressFault, type LoopbackRule } from '../address-rules.ts';
import { FetchError } from '../fetch-error.ts';
import type { LookUp } from './look-up.ts';
import type { WireBudget } from './wire-budget.ts';

const CONNECT_SECONDS = 10;

/** RFC 6761, 6.3: this name means this machine, and no name server is asked for it. */
const LOCALHOST = /^(?:.+\.)?localhost\.?$/i;
const LOOPBACK_ADDRESSES = ['127.0.0.1', '::1'];

export interface ConnectOptions {
  readonly loopback: LoopbackRule;
  readonly lookUp: LookUp;
  /** Signal of the request. It ends the lookup, the connecting and the connection. */
  readonly signal: AbortSignal;
  readonly budget: WireBudget;
}

type Target = Pick<buildConnector.Options, 'hostname' | 'port' | 'protocol'>;
type Opened = { stream: Socket; count: () => void };

/**
 * Opens connections to checked addresses only. Each connection looks its name up once, and connects to the addresses that
 * were checked. A name that resolves to another address a moment later therefore gains nothing. A name is refused when
 * any of its addresses is refused: a mixed answer is an attack or a mistake.
 */
export function guardedConnector(options: ConnectOptions): buildConnector.connector {
  return (target, done) => {
    open(target, options).then(
      ({ stream, count }) => {
        done(null, stream);
        // Must be added after the client's own listener for `readable`: a listener for `data` alone would make the data
        // flow.
        stream.on('data', count);
      },
      (error: Error) => done(error, null),
    );
  };
}

async function open(target: Target, options: ConnectOptions): Promise<Opened> {
  const { signal } = options;
  // A lookup has its own time limit, and may first wait for its turn.
  const addresses = await addressesOf(target.hostname, options);
  const late = AbortSignal.timeout(CONNECT_SECONDS * 1000);
  try {
    return await connectTo(addresses, target, { ...options, connecting: AbortSignal.any([signal, late]) });
  } catch (error) {
    if (!late.aborted || signal.aborted) throw error;
    throw new FetchError('timeout', `No connection in ${CONNECT_SECONDS} s`, { cause: error });
  }
}

async function connectTo(
  addresses: readonly string[],
  { hostname, port, protocol }: Target,
  { loopback, signal, budget, connecting }: ConnectOptions & { connecting: AbortSignal },
): Promise<Opened> {
  const tcp = tcpConnect({
    host: hostname,
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
    lookup: answering(addresses),
    autoSelectFamily: true,
    noDelay: true,
    signal,
  });
  // Failures reach the code that waits for the socket. A failure between two waits must not end the process.
  tcp.on('error', () => {});
  try {
    await happened(tcp, 'connect', connecting);
    // The last check: nothing is sent to a refused address, whatever the operating system connected to.
    check(hostname, tcp.remoteAddress ?? '', loopback);
    if (protocol !== 'https:') return { stream: tcp, count: budget.count(tcp, tcp) };
    const tls = tlsConnect({
      socket: tcp,
      host: hostname,
      ...(isIP(hostname) === 0 && { servername: hostname }),
      ALPNProtocols: ['http/1.1'],
      // Verifies certificates even when NODE_TLS_REJECT_UNAUTHORIZED says otherwise.
      rejectUnauthorized: true,
    });
    tls.on('error', () => {});
    const count = budget.count(tcp, tls);
    await happened(tls, 'secureConnect', connecting);
    return { stream: tls, count };
  } catch (error) {
    tcp.destroy();
    throw error;
  }
}

/** Returns the checked addresses of a host. @throws FetchError `address_refused` or `dns` */
async function addressesOf(
  hostname: string,
  { loopback, lookUp, signal }: Pick<ConnectOptions, 'loopback' | 'lookUp' | 'signal'>,
): Promise<readonly string[]> {
  const addresses =
    isIP(hostname) !== 0 ? [hostname] : LOCALHOST.test(hostname) ? LOOPBACK_ADDRESSES : undefined;
  const found =
    addresses ?? (await lookUp(hostname, signal).catch((cause: unknown) => notFound(hostname, cause)));
  if (found.length === 0) throw new FetchError('dns', `${hostname} has no address`);
  for (const address of found) check(hostname, address, loopback);
  return found;
}

function notFound(hostname: string, cause: unknown): never {
  if (cause instanceof FetchError) throw cause;
  throw new FetchError('dns', `${hostname} cannot be resolved`, { cause });
}

/** Returns a lookup function that answers with known addresses. */
function answering(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, { all: wantsAll }, done) => {
    const [first] = all;
    if (wantsAll || first === undefined) done(null, all);
    else done(null, first.address, first.family);
  };
}

/** Resolves at the event. Rejects when the socket fails or closes before the event, or when `signal` aborts. */
function happened(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.once('error', reject);
    socket.once('close', () =>
      reject(new FetchError('network', 'The connection was closed while it was opened')),
    );
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/**
 * Refuses an address that is not public. The message does not name the address that a name resolved to: the caller may be
 * mapping an inner network.
 *
 * @throws FetchError `address_refused`
 */
function check(hostname: string, address: string, loopback: LoopbackRule): void {
  const fault = addressFault(address, loopback);
  if (fault === undefined) return;
  throw new FetchError('address_refused', `${hostname} is not a public address (${fault})`);
}
