import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that lets every request wait until it is told to answer. Paths name who has sent the request. */
export async function waitingTarget() {
  const waiting = new Map<ServerResponse, string>();
  const most = new Map<string, number>();
  const hits = new Map<string, number>();
  let answers = false;
  const server = createServer((request, response) => {
    const who = request.url?.split('/')[1] ?? '';
    hits.set(who, (hits.get(who) ?? 0) + 1);
    waiting.set(response, who);
    response.once('close', () => waiting.delete(response));
    const now = [...waiting.values()].filter((each) => each === who).length;
    most.set(who, Math.max(now, most.get(who) ?? 0));
    if (answers) response.end('late');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Requests that wait for an answer now. */
    waiting: () => waiting.size,
    /** The most requests of one sender that have waited at the same time. */
    most,
    hits,
    /** Answers those that wait, and from now on everybody at once. */
    answer() {
      answers = true;
      for (const response of waiting.keys()) response.end('late');
    },
    /** Lets requests wait again. */
    hold() {
      answers = false;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
