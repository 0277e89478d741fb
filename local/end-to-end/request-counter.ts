import { request as forward } from 'node:http';
import { startLoopbackServer } from '../process/loopback-server.ts';

export interface RequestCounter {
  /** Address to use instead of the emulator's address, without a trailing slash. */
  readonly url: string;
  /** Returns the SQS requests passed on so far, by action. */
  sqsRequestCounts(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** Passes requests on to an AWS emulator and counts the SQS requests, because LocalStack does not count them. */
export async function startRequestCounter(emulator: string): Promise<RequestCounter> {
  const counts: Record<string, number> = {};
  const { url, stop } = await startLoopbackServer((incoming, answer) => {
    const [service, action = ''] = String(incoming.headers['x-amz-target'] ?? '').split('.');
    if (service === 'AmazonSQS') counts[action] = (counts[action] ?? 0) + 1;
    const { method = 'GET', headers } = incoming;
    const outgoing = forward(emulator + incoming.url, { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  return {
    url,
    sqsRequestCounts: () => ({ ...counts }),
    close: stop,
  };
}
