import type { ServerResponse } from 'node:http';
import { startLoopbackServer } from '../process/loopback-server.ts';

/** A server that answers no request until `answer` is called. The first part of a path names the sender. */
export async function waitingTarget() {
  const waiting = new Map<ServerResponse, string>();
  const most = new Map<string, number>();
  const hits = new Map<string, number>();
  let answers = false;
  const { url, stop } = await startLoopbackServer((request, response) => {
    const who = request.url?.split('/')[1] ?? '';
    hits.set(who, (hits.get(who) ?? 0) + 1);
    waiting.set(response, who);
    response.once('close', () => waiting.delete(response));
    const now = [...waiting.values()].filter((each) => each === who).length;
    most.set(who, Math.max(now, most.get(who) ?? 0));
    if (answers) response.end('late');
  });
  return {
    url,
    /** Number of requests that wait for an answer now. */
    waiting: () => waiting.size,
    /** For each sender, the largest number of requests that waited at the same time. */
    most,
    hits,
    /** Answers all waiting requests, and from now on every request at once. */
    answer() {
      answers = true;
      for (const response of waiting.keys()) response.end('late');
    },
    /** Makes new requests wait again. */
    hold() {
      answers = false;
    },
    close: stop,
  };
}
