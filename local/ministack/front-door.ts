import { createServer, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** A stand-in for the front door's two ways to the APIs. It adds what the front door adds, and rewrites nothing else. */
export interface FrontDoor {
  /** Of the HTTP API, without a trailing slash. */
  readonly url: string;
  /** Where clients connect their WebSocket. */
  readonly socketUrl: string;
  stop(): Promise<void>;
}

/**
 * Opens it on a free loopback port.
 *
 * @param to      addresses of the APIs; the WebSocket API's begins with `https` too
 * @param headers sent to both with every request, over those of the client
 */
export async function startFrontDoor(
  to: { http: string; socket: string },
  headers: Readonly<Record<string, string>>,
): Promise<FrontDoor> {
  const forward = (address: string, { method, headers: given }: IncomingMessage) =>
    httpsRequest(address, { method, headers: { ...given, host: new URL(address).host, ...headers } });
  const server = createServer((incoming, answer) => {
    const outgoing = forward(to.http + incoming.url, incoming);
    outgoing.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  });
  const open = new Set<Duplex>();
  server.on('upgrade', (incoming, client: Duplex) => {
    open.add(client.on('close', () => open.delete(client)).on('error', () => client.destroy()));
    const outgoing = forward(to.socket + new URL(incoming.url ?? '', to.socket).search, incoming);
    outgoing.on('error', () => client.destroy());
    outgoing.on('response', (refusal) => client.end(headOf(refusal)));
    outgoing.on('upgrade', (acceptance, upstream, first) => {
      client.write(headOf(acceptance));
      client.write(first);
      upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
      client.on('close', () => upstream.destroy());
      upstream.pipe(client).pipe(upstream);
    });
    outgoing.end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    socketUrl: `ws://${host}/ws`,
    stop: () => {
      for (const socket of open) socket.destroy();
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
}

/** The head of an answer, as text. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [],
  );
  return `${[`HTTP/1.1 ${statusCode} ${statusMessage}`, ...lines].join('\r\n')}\r\n\r\n`;
}
