import { describe, expect, test } from 'vitest';
import type { Task } from './task.ts';
import { type WaitingContext, waitingReason } from './waiting-reason.ts';

const now = new Date('2026-11-26T12:00:00.000Z');
const inSeconds = (seconds: number) => new Date(now.getTime() + seconds * 1000);

const task = (given: Partial<Task> = {}) =>
  ({
    status: 'SCHEDULED',
    queue: 'bulk',
    runAt: inSeconds(-90),
    attempt: 0,
    attemptLimit: 4,
    maxRetries: 3,
    crashes: 0,
    error: null,
    concurrencyKey: null,
    concurrencyLimit: null,
    ...given,
  }) as Task;

const around = (given: Partial<WaitingContext> = {}): WaitingContext => ({
  waitsFor: [],
  now,
  heldBy: null,
  pause: null,
  runningWithKey: 0,
  runningInOrganization: 0,
  maxRunning: null,
  requests: null,
  dispatches: 0,
  nextDispatchAt: inSeconds(7_200),
  ...given,
});

const reason = (given: Partial<Task>, there: Partial<WaitingContext> = {}) =>
  waitingReason(task(given), around(there));

test('a task that runs or has ended waits for nothing', () => {
  for (const status of ['RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const)
    expect(reason({ status }, { heldBy: 'organization' })).toBeNull();
});

test('a task that depends on others names the unfinished ones', () => {
  const waitsFor = [
    { id: 'a', status: 'COMPLETED' },
    { id: 'b', status: 'RUNNING' },
    { id: 'c', status: 'PENDING' },
  ] as const;
  expect(reason({ status: 'PENDING' }, { waitsFor })).toEqual({
    code: 'waits_for_tasks',
    message: 'It waits for 2 tasks to complete: b (RUNNING), c (PENDING)',
  });
});

test('a task that runs whatever becomes of the others names those that have not ended', () => {
  const waitsFor = [
    { id: 'a', status: 'FAILED' },
    { id: 'b', status: 'RUNNING' },
    { id: 'c', status: 'CANCELLED' },
  ] as const;
  expect(reason({ status: 'PENDING', onFailure: 'run' }, { waitsFor })?.message).toBe(
    'It waits for 1 task to end: b (RUNNING)',
  );
});

describe('a task that is not due', () => {
  test.each([
    [0.9, '0 seconds'],
    [1, '1 second'],
    [59, '59 seconds'],
    [60, '1 minute'],
    [7_199, '1 hour'],
    [172_800, '2 days'],
  ])('for %d s says so: in %s', (seconds, span) => {
    const runAt = inSeconds(seconds);
    const message = `It is scheduled for ${runAt.toISOString()}, in ${span}`;
    // The time comes first, whatever lane the task waits in later.
    expect(reason({ runAt }, { heldBy: 'organization' })).toEqual({ code: 'scheduled', message });
  });

  test('because its last attempt failed, says how many retries are left', () => {
    const runAt = inSeconds(120);
    const error = { code: 'boom', message: 'It went wrong' };
    expect(reason({ runAt, attempt: 1, error })).toEqual({
      code: 'retry_scheduled',
      message: `Attempt 1 did not succeed (3 of 3 retries left): boom, It went wrong. The next one is due at ${runAt.toISOString()}, in 2 minutes`,
    });
  });
});

describe('a due task', () => {
  test('that is held names the full lane', () => {
    expect(
      reason({ concurrencyKey: 'oven', concurrencyLimit: 2 }, { heldBy: 'key:oven', runningWithKey: 2 }),
    ).toEqual({
      code: 'concurrency_key_full',
      message: '2 tasks with the concurrency key oven run, and at most 2 may at once',
    });
    const requests = { ofOrganization: 1, ofUser: 80, mostOfOrganization: 40, mostOfUser: 80 };
    expect(reason({}, { heldBy: 'network:a', requests })).toEqual({
      code: 'requests_full',
      message:
        '1 task of the organization and 80 of its user wait for the network. ' +
        'At most 40 of an organization and 80 of a user may at once',
    });
    expect(reason({}, { heldBy: 'organization', runningInOrganization: 3, maxRunning: 3 })).toEqual({
      code: 'organization_full',
      message: '3 tasks of the organization run, and at most 3 may at once',
    });
  });

  test('that is held by a pause that has ended is released soon', () => {
    expect(reason({}, { heldBy: 'kind:data.process' })).toMatchObject({ code: 'released_soon' });
  });

  test('that is paused names the user, even before it is held', () => {
    const pause = { scope: 'queue', name: 'bulk', by: 'ada', since: now } as const;
    expect(reason({}, { pause })).toMatchObject({
      code: 'paused',
      message: expect.stringMatching(/bulk has been paused by ada since 2026-11-26T12:00:00.000Z$/),
    });
  });

  test('in its queue says for how long, and when another message follows', () => {
    expect(reason({})).toEqual({
      code: 'queued',
      message:
        'It has been due for 1 minute and waits in the bulk queue for a free worker. If that message is lost, another one is sent in 2 hours',
    });
    expect(reason({ runAt: now }, { dispatches: 2, nextDispatchAt: inSeconds(-1) })).toEqual({
      code: 'queued',
      message:
        'It has been due for 0 seconds and waits in the bulk queue for a free worker, after 2 messages by the dispatcher. The dispatcher sends a message within a minute',
    });
  });

  test('whose worker died runs alone', () => {
    expect(reason({ crashes: 1 })).toMatchObject({
      code: 'after_a_crash',
      message: expect.stringContaining('Its worker died 1 time,'),
    });
  });
});
