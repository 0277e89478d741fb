import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DomainEvent } from '../tasks/events/domain-event.ts';
import { publishEvents } from './bus.ts';

type Entry = { Detail: string };

let server: Server;
let client: EventBridgeClient;
let requests: Entry[][];
let failures: unknown[];
/** When true, the server accepts requests and never answers. */
let silent = false;
/** Called with each request before the server answers. */
let onRequest: () => void;

/** A stand-in for EventBridge that records the sent events. */
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const { Entries } = JSON.parse((await request.setEncoding('utf8').toArray()).join(''));
    requests.push(Entries);
    onRequest();
    if (silent) return;
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ FailedEntryCount: 0, Entries: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = new EventBridgeClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
});
beforeEach(() => {
  [requests, failures, silent, onRequest] = [[], [], false, () => {}];
});
afterAll(() => {
  client.destroy();
  server.close();
});

const event = (text = ''): DomainEvent => ({
  id: 'task:1',
  type: 'task.finished',
  subject: 'task',
  time: new Date(),
  data: { text },
});
const publish = (events: readonly DomainEvent[], timeLimit?: () => AbortSignal) =>
  publishEvents(client, { busName: 'bus', onFailure: (error) => failures.push(error), timeLimit })(events);

test('events go ten at a time', async () => {
  await publish(Array.from({ length: 25 }, () => event()));
  expect(requests.map(({ length }) => length)).toEqual([10, 10, 5]);
});

test('large events are not put into a request that is too large', async () => {
  const large = event('é'.repeat(50_000));
  await publish([large, large, event(), large]);
  expect(requests.map(({ length }) => length)).toEqual([3, 1]);
  for (const entries of requests)
    expect(Buffer.byteLength(entries.map(({ Detail }) => Detail).join(''))).toBeLessThan(262_144);
});

test('a slow bus delays nobody by one request for each event', async () => {
  const timeLimit = new AbortController();
  onRequest = () => requests.length === 4 && timeLimit.abort();
  const events = Array.from({ length: 1_000 }, () => event());
  await publish(events, () => timeLimit.signal);
  expect(requests).toHaveLength(4);
  expect(failures.map(String)).toEqual([
    expect.stringContaining('AbortError'),
    expect.stringContaining('960 events were not published'),
  ]);
});

test('publishing to a bus that does not answer is given up', async () => {
  silent = true;
  await publish([event(), ...Array.from({ length: 10 }, () => event())]);
  expect(requests).toHaveLength(1);
  expect(String(failures.at(-1))).toContain('1 events were not published');
});
