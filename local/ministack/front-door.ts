import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Origins } from '../emulators/cloudfront/front-door.ts';
import { headerPairs, rawHead } from '../emulators/http/http-text.ts';

/** The deployed servers behind the local front door. */
export interface DeployedOrigins {
  /** Address of the HTTP API. */
  readonly http: string;
  /** Address of the WebSocket API. It also begins with `https`. */
  readonly socket: string;
  /** Headers for every request to both APIs. They replace the client's headers of the same name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly viewerRequest: Origins['viewerRequest'];
  readonly errorPages: Origins['errorPages'];
  readonly files: Origins['files'];
}

/**
 * Connects a stand-in for CloudFront to the deployed APIs and files. Adds and rewrites headers like the deployed front
 * door.
 */
export function deployedOrigins({ http, socket, headers, ...edge }: DeployedOrigins): Origins {
  const forward = (address: string, { method, headers: given }: IncomingMessage) =>
    httpsRequest(address, { method, headers: { ...given, host: new URL(address).host, ...headers } });
  return {
    ...edge,
    httpApi: (incoming) =>
      new Promise((resolve, reject) => {
        const outgoing = forward(http + incoming.url, incoming);
        outgoing.on('response', (response) => {
          const { statusCode: status = 502, headers: given } = response;
          const { 'transfer-encoding': _, connection: __, ...answered } = given;
          buffer(response).then((body) => resolve({ status, headers: answered, body }), reject);
        });
        outgoing.on('error', reject);
        incoming.pipe(outgoing);
      }),
    async webSocketApi(incoming, client) {
      client.on('error', () => client.destroy());
      const outgoing = forward(socket + new URL(incoming.url ?? '', socket).search, incoming);
      outgoing.on('error', () => client.destroy());
      outgoing.on('response', (refusal) => client.end(headOf(refusal)));
      outgoing.on('upgrade', (acceptance, upstream: Duplex, first) => {
        client.write(headOf(acceptance));
        client.write(first);
        upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
        client.on('close', () => upstream.destroy());
        upstream.pipe(client).pipe(upstream);
      });
      outgoing.end();
    },
  };
}

/** Formats the head of an answer. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  return rawHead(`HTTP/1.1 ${statusCode} ${statusMessage}`, headerPairs(rawHeaders));
}
