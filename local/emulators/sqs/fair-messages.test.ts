import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FairMessages } from './fair-messages.ts';

type Message = { id: string; messageGroupId?: string; delayUntil?: number };

const NOW = 1_000_000;

function queue(...ids: string[]) {
  const messages = new FairMessages<Message>();
  const add = (id: string) => messages.add(named(id), NOW);
  for (const id of ids) add(id);
  const receive = (now = NOW) => {
    const message = messages.next(now);
    if (message) messages.hold({ message, handle: message.id, deadline: now + 30 });
    return message?.id;
  };
  return { messages, add, receive };
}

/** Builds a message: `noisy-1` is the first message of the group `noisy`, and `-1` has no group. */
function named(id: string): Message {
  const [group] = id.split('-');
  return { id, ...(group && { messageGroupId: group }) };
}

const numbered = (group: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${group}-${i + 1}`);
const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make);

test('a quiet tenant goes before the backlog of a noisy one, whose own messages keep their order', () => {
  const { add, receive } = queue(...numbered('noisy', 100));
  expect(times(3, receive)).toEqual(['noisy-1', 'noisy-2', 'noisy-3']);
  add('quiet-1');
  add('quiet-2');
  expect(times(4, receive)).toEqual(['quiet-1', 'quiet-2', 'noisy-4', 'noisy-5']);
});

test('tenants that hold the same take turns', () => {
  const { receive } = queue(...numbered('a', 3), ...numbered('b', 3), ...numbered('c', 3));
  expect(times(9, receive)).toEqual(['a-1', 'b-1', 'c-1', 'a-2', 'b-2', 'c-2', 'a-3', 'b-3', 'c-3']);
});

test('what is deleted counts no more', () => {
  const { messages, add, receive } = queue(...numbered('a', 3));
  times(2, receive);
  for (const id of ['a-1', 'a-2']) messages.release(id);
  add('b-1');
  expect(receive()).toBe('a-3');
});

test('messages without a group are tenants of their own', () => {
  const { receive } = queue(...numbered('', 3), ...numbered('noisy', 3));
  expect(times(6, receive)).toEqual(['-1', 'noisy-1', '-2', '-3', 'noisy-2', 'noisy-3']);
});

test('a message whose visibility timeout has ended is received again, before the others of its group', () => {
  const { messages, receive } = queue(...numbered('a', 3));
  receive();
  expect(receive(NOW + 29)).toBe('a-2');
  expect(messages.nextChange()).toBe(NOW + 30);
  expect(receive(NOW + 30)).toBe('a-1');
  expect(messages.counts).toEqual({ ready: 1, delayed: 0, held: 2 });
});

test('a delayed message waits for its time, and then for its turn', () => {
  const { messages, receive } = queue('a-1', 'a-2');
  messages.add({ ...named('b-1'), delayUntil: NOW + 10 }, NOW);
  expect(receive()).toBe('a-1');
  expect(messages.nextChange()).toBe(NOW + 10);
  expect(receive(NOW + 10)).toBe('b-1');
});

test('a backlog of 100,000 costs a receive nothing', () => {
  const { add, receive, messages } = queue(...numbered('noisy', 100_000));
  times(50_000, receive);
  add('quiet-1');
  expect(receive()).toBe('quiet-1');
  expect(receive()).toBe('noisy-50001');
  expect(messages.counts).toEqual({ ready: 49_999, delayed: 0, held: 50_002 });
});

test('every message goes to the tenant that holds the fewest, in its order, and none is lost', () => {
  const action = fc.oneof(
    fc.record({ add: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.constant('receive' as const),
    fc.record({ release: fc.nat(20), back: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
      const { messages, add, receive } = queue();
      const waiting = new Map<string, string[]>([...'abcd'].map((group) => [group, []]));
      const held: string[] = [];
      const groupOf = (id: string) => id.slice(0, 1);
      const heldBy = (group: string) => held.filter((id) => groupOf(id) === group).length;
      actions.forEach((act, index) => {
        if (act === 'receive') {
          const id = receive();
          const candidates = [...waiting].filter(([, ids]) => ids.length > 0).map(([group]) => group);
          expect(id === undefined).toBe(candidates.length === 0);
          if (id === undefined) return;
          expect(heldBy(groupOf(id))).toBe(Math.min(...candidates.map(heldBy)));
          expect(waiting.get(groupOf(id))?.shift()).toBe(id);
          held.push(id);
        } else if ('add' in act) {
          const id = `${act.add}-${index}`;
          add(id);
          waiting.get(act.add)?.push(id);
        } else if (held.length > 0) {
          const [id = ''] = held.splice(act.release % held.length, 1);
          const message = messages.release(id);
          if (!act.back || !message) return;
          messages.putBack(message);
          waiting.get(groupOf(id))?.unshift(id);
        }
      });
      const ready = [...waiting.values()].reduce((sum, ids) => sum + ids.length, 0);
      expect(messages.counts).toEqual({ ready, delayed: 0, held: held.length });
    }),
    { numRuns: 100 },
  );
});
