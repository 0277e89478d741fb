import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Origins } from '../front-door.ts';

/** What the front door has been deployed before. */
export interface DeployedOrigins {
  /** Address of the HTTP API. */
  readonly http: string;
  /** Address of the WebSocket API; it begins with `https` too. */
  readonly socket: string;
  /** Sent to both with every request, over those of the client. */
  readonly headers: Readonly<Record<string, string>>;
  /** What an address of either becomes for the API, by the deployed CloudFront Function. */
  readonly viewerRequest: (url: string) => string | undefined;
  readonly files: Origins['files'];
}

/** The ways of a stand-in for CloudFront to what has been deployed. It adds and rewrites what the front door does. */
export function deployedOrigins({ http, socket, headers, viewerRequest, files }: DeployedOrigins): Origins {
  const forward = (address: string, { method, headers: given }: IncomingMessage) =>
    httpsRequest(address, { method, headers: { ...given, host: new URL(address).host, ...headers } });
  return {
    files,
    webSocketPath: viewerRequest,
    async httpApi(incoming, answer) {
      const url = incoming.url ?? '/';
      const path = url.startsWith('/api/') ? viewerRequest(url) : url;
      const outgoing = forward(http + path, incoming);
      outgoing.on('response', (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      });
      outgoing.on('error', () => answer.destroy());
      incoming.pipe(outgoing);
    },
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

/** The head of an answer, as text. */
function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [],
  );
  return `${[`HTTP/1.1 ${statusCode} ${statusMessage}`, ...lines].join('\r\n')}\r\n\r\n`;
}
