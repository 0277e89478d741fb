import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../database/testing/database-fixture.ts';
import * as store from '../store/index.ts';
import type { Task } from '../task.ts';
import { DISPATCH } from '../verification/fixtures.ts';
import { dependentsStage } from './testing/dependents-stage.ts';

const on: DatabaseFixture = await databaseFixture();
const { worker, newMember, create, claim, settle, end, cancel, retry, retryMany, statuses, tick } =
  dependentsStage(on);
beforeEach(newMember);
afterAll(() => on.close());

const runs = (dependsOn: readonly Task[]) => create(dependsOn, { onFailure: 'run' });

describe('a task with `on_failure` `run`', () => {
  test('runs when its dependencies have ended, however they ended', async () => {
    const [completed, failed, cancelled] = [await create(), await create(), await create()];
    const waiting = await runs([completed, failed, cancelled]);
    expect(waiting).toMatchObject({ status: 'PENDING', onFailure: 'run' });
    await end(failed, 'fail');
    expect(await statuses(waiting)).toEqual(['PENDING']);
    await end(completed, 'complete');
    await cancel(cancelled);
    await tick();
    expect(await statuses(waiting)).toEqual(['SCHEDULED']);
    expect(await claim(waiting)).toBe(1);
  });

  test('runs beside one that is cancelled by the same failure', async () => {
    const first = await create();
    const [strict, lenient] = [await create([first]), await runs([first])];
    const after = await runs([strict, lenient]);
    await end(first, 'fail');
    expect(await statuses(strict, lenient, after)).toEqual(['CANCELLED', 'SCHEDULED', 'PENDING']);
    await end(lenient, 'complete');
    expect(await statuses(after)).toEqual(['SCHEDULED']);
  });

  test('is scheduled at once when all have ended already, and waits for those that have not', async () => {
    const [open, failed, cancelled] = [await create(), await create(), await create()];
    await end(failed, 'fail');
    await cancel(cancelled);
    expect(await runs([failed, cancelled])).toMatchObject({ status: 'SCHEDULED' });
    const waiting = await runs([failed, open]);
    expect(waiting).toMatchObject({ status: 'PENDING' });
    await end(open, 'fail');
    expect(await statuses(waiting)).toEqual(['SCHEDULED']);
  });

  test('is not started by a failure that is followed by a retry', async () => {
    const first = await create();
    const waiting = await runs([first]);
    const attempt = await claim(first);
    // The worker dies after the outcome is stored, and a person retries the task before the next tick.
    await store.settle(
      worker,
      [{ id: first.id, attempt, kind: 'fail', error: { code: 'x', message: 'x' } }],
      DISPATCH,
    );
    await retry(first);
    await tick();
    expect(await statuses(first, waiting)).toEqual(['SCHEDULED', 'PENDING']);
    await end(first, 'complete');
    expect(await statuses(waiting)).toEqual(['SCHEDULED']);
  });

  test('waits for a dependency that failed, was left behind, and runs again', async () => {
    const [first, second] = [await create(), await create()];
    const waiting = await runs([first, second]);
    await end(first, 'fail');
    await retry(first);
    await end(second, 'complete');
    expect(await statuses(waiting)).toEqual(['PENDING']);
    await settle(first, await claim(first), 'complete');
    await tick();
    expect(await statuses(waiting)).toEqual(['SCHEDULED']);
  });

  test('can be cancelled while it waits', async () => {
    const first = await create();
    const waiting = await runs([first]);
    await cancel(waiting);
    await end(first, 'fail');
    expect(await statuses(waiting)).toEqual(['CANCELLED']);
  });
});

describe('its retry', () => {
  test('is not refused while a dependency has failed, and does not wait for it', async () => {
    const [failed, completed] = [await create(), await create()];
    const lenient = await runs([failed, completed]);
    await end(failed, 'fail');
    await end(completed, 'complete');
    await end(lenient, 'fail');
    expect(await retry(lenient)).toMatchObject({ status: 'SCHEDULED', cause: 'requeue' });
  });

  test('waits for a dependency that runs again', async () => {
    const first = await create();
    const lenient = await runs([first]);
    await end(first, 'fail');
    await end(lenient, 'fail');
    await retry(first);
    expect(await retry(lenient)).toMatchObject({ status: 'PENDING' });
    await end(first, 'fail');
    expect(await statuses(lenient)).toEqual(['SCHEDULED']);
  });

  test('waits for a dependency that is retried with it', async () => {
    const first = await create();
    const lenient = await runs([first]);
    const attempt = await claim(first);
    await settle(first, attempt, 'fail');
    await end(lenient, 'fail');
    expect(await retryMany([first.id, lenient.id])).toMatchObject({ matched: 2, changed: 2 });
    expect(await statuses(first, lenient)).toEqual(['SCHEDULED', 'PENDING']);
  });

  test('does not wait for a dependency that cannot be retried with it', async () => {
    const blocker = await create();
    const blocked = await create([blocker]);
    const lenient = await runs([blocked]);
    await end(blocker, 'fail');
    expect(await statuses(blocked, lenient)).toEqual(['CANCELLED', 'SCHEDULED']);
    await end(lenient, 'fail');
    expect(await retryMany([blocked.id, lenient.id])).toMatchObject({ matched: 2, changed: 1 });
    expect(await statuses(blocked, lenient)).toEqual(['CANCELLED', 'SCHEDULED']);
  });
});
