import { expect, test } from 'vitest';
import type { Task } from '../task.ts';
import { finishedEvent } from './task-finished.ts';

const failed = (details: object) => {
  const error = { code: 'boom', message: 'Boom', ...details };
  return finishedEvent({ id: 'x', attempt: 1, finishedAt: new Date(), error } as Task).data.error;
};

test('an event has the error with its details, unless the details exceed the size of an event', () => {
  expect(failed({ status: 500 })).toEqual({ code: 'boom', message: 'Boom', status: 500 });
  expect(failed({ answer: 'x'.repeat(200_000) })).toEqual({
    code: 'boom',
    message: 'Boom',
    details_left_out: true,
  });
});
