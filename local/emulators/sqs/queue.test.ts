import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Queue } from './queue.ts';
import { QueueStore } from './queue-store.ts';

let directory: string;
let store: QueueStore;
let queues: Map<string, Queue>;

/** Opens the queues like a new process. */
function open(): void {
  store = new QueueStore(join(directory, 'queues.db'));
  queues = new Map();
  for (const stored of store.queues()) queues.set(stored.name, new Queue(stored, store, queues));
}
function reopen(): void {
  store.close();
  open();
}
function queue(name: string, attributes = {}): Queue {
  const found = queues.get(name) ?? new Queue({ name, attributes: {} }, store, queues);
  if (!queues.has(name)) found.change(attributes);
  queues.set(name, found);
  return found;
}
const counts = ({ attributes }: Queue) =>
  ['', 'Delayed', 'NotVisible'].map((kind) => attributes[`ApproximateNumberOfMessages${kind}`]);
const receive = (from: Queue, options = {}) => from.receive({ max: 10, waitSeconds: 0, ...options });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-queue-'));
  open();
});
afterEach(async () => {
  store.close();
  await rm(directory, { recursive: true });
});

test('a message exists until it is deleted, also for another process', async () => {
  queue('q').send({ MessageBody: 'first', MessageGroupId: 'a' });
  queue('q').send({ MessageBody: 'second', DelaySeconds: 60 });
  expect(counts(queue('q'))).toEqual(['1', '1', '0']);
  reopen();
  expect(counts(queue('q'))).toEqual(['1', '1', '0']);
  const [held] = await receive(queue('q'));
  expect(held?.message).toMatchObject({ body: 'first', messageGroupId: 'a', receiveCount: 1 });
  queue('q').delete(held?.handle ?? '');
  queue('q').delete('of another message');
  reopen();
  expect(counts(queue('q'))).toEqual(['0', '1', '0']);
});

test('receive counts survive, and the first receive keeps its time', async () => {
  queue('q', { VisibilityTimeout: '0' }).send({ MessageBody: 'again' });
  const [first] = await receive(queue('q'));
  const time = first?.message.firstReceivedAt;
  await receive(queue('q'), { waitSeconds: 20 });
  reopen();
  const [third] = await receive(queue('q'));
  expect(third?.message).toMatchObject({ receiveCount: 3, firstReceivedAt: time });
});

test('one receive brings a message once, however short its visibility timeout', async () => {
  queue('q', { VisibilityTimeout: '0' }).send({ MessageBody: 'once' });
  expect(await receive(queue('q'))).toHaveLength(1);
});

test('the dead letters get a message after so many receives, in the store too', async () => {
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: 'arn:aws:sqs:r:0:dead', maxReceiveCount: '2' });
  queue('dead');
  queue('q', { VisibilityTimeout: '0', RedrivePolicy }).send({ MessageBody: 'poison' });
  const leaving = new AbortController();
  const poll = (name: string) => receive(queue(name), { waitSeconds: 20, signal: leaving.signal });
  for (const count of [1, 2]) expect((await poll('q'))[0]?.message.receiveCount).toBe(count);
  const waiting = poll('q');
  expect((await poll('dead'))[0]?.message.body).toBe('poison');
  leaving.abort();
  expect(await waiting).toEqual([]);
  reopen();
  expect([counts(queue('q')), counts(queue('dead'))]).toEqual([
    ['0', '0', '0'],
    ['1', '0', '0'],
  ]);
});

test('without a queue of dead letters, messages come again for ever', async () => {
  const RedrivePolicy = JSON.stringify({
    deadLetterTargetArn: 'arn:aws:sqs:r:0:missing',
    maxReceiveCount: 1,
  });
  queue('q', { VisibilityTimeout: '0', RedrivePolicy }).send({ MessageBody: 'poison' });
  for (const count of [1, 2, 3]) {
    const [held] = await receive(queue('q'), { waitSeconds: 20 });
    expect(held?.message.receiveCount).toBe(count);
  }
});

test('a long poll gets messages that are sent together, as soon as they are there', async () => {
  const polls = [1, 2].map(() => queue('q').receive({ max: 2, waitSeconds: 20 }));
  for (const MessageBody of ['a', 'b', 'c']) queue('q').send({ MessageBody });
  const bodies = (await Promise.all(polls)).map((taken) => taken.map(({ message }) => message.body));
  expect(bodies).toEqual([['a', 'b'], ['c']]);
});

test('a long poll gets a message whose visibility timeout is over, or is ended', async () => {
  queue('q').send({ MessageBody: 'twice' });
  const [held] = await receive(queue('q'), { visibilitySeconds: 600 });
  const poll = receive(queue('q'), { waitSeconds: 20, visibilitySeconds: 1 });
  expect(queue('q').changeVisibility(held?.handle ?? '', 0)).toBe(true);
  expect((await poll)[0]?.message.receiveCount).toBe(2);
  expect((await receive(queue('q'), { waitSeconds: 20 }))[0]?.message.receiveCount).toBe(3);
  expect(queue('q').changeVisibility(held?.handle ?? '', 0)).toBe(false);
});

test('a long poll that is given up, or whose time is over, takes nothing', async () => {
  const leaving = new AbortController();
  const given = receive(queue('q'), { waitSeconds: 20, signal: leaving.signal });
  leaving.abort();
  expect(await given).toEqual([]);
  expect(
    await receive(queue('q', { ReceiveMessageWaitTimeSeconds: '1' }), { waitSeconds: undefined }),
  ).toEqual([]);
  queue('q').send({ MessageBody: 'kept' });
  expect(await receive(queue('q'))).toHaveLength(1);
});

test('a purge removes what waits, comes later or is held, and leaves other queues alone', async () => {
  for (const name of ['q', 'other']) {
    for (const DelaySeconds of [0, 0, 60]) queue(name).send({ MessageBody: 'text', DelaySeconds });
    await receive(queue(name), { max: 1 });
  }
  queue('q').purge();
  expect(counts(queue('q'))).toEqual(['0', '0', '0']);
  reopen();
  expect([counts(queue('q')), counts(queue('other'))]).toEqual([
    ['0', '0', '0'],
    ['2', '1', '0'],
  ]);
});

test('attributes survive, and an empty text removes one', () => {
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: 'arn:aws:sqs:r:0:dead', maxReceiveCount: 2 });
  queue('q', { VisibilityTimeout: '7', RedrivePolicy });
  reopen();
  expect(queue('q').attributes).toMatchObject({ VisibilityTimeout: '7', RedrivePolicy });
  queue('q').change({ RedrivePolicy: '' });
  reopen();
  expect(queue('q').attributes).not.toHaveProperty('RedrivePolicy');
});
