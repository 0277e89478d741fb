import { beforeEach } from 'vitest';
import { tick } from '../../../dispatcher/tick.ts';
import { DISPATCH, insertTask } from '../../../verification/fixtures.ts';
import * as store from '../../index.ts';
import { storeStage } from '../../testing/store-stage.ts';

/** Registers the set-up of a file with tests of lanes. Ada has a new organization in each test. */
export function lanesStage() {
  const stage = storeStage();
  beforeEach(async () => {
    stage.ada = await stage.on.member();
  });

  return Object.assign(stage, {
    /** Creates tasks with one concurrency key. */
    keyed: (limit: number, count: number, of = stage.ada) =>
      Promise.all(
        Array.from({ length: count }, () =>
          insertTask(stage.api, of, { concurrencyKey: 'printer', concurrencyLimit: limit }),
        ),
      ).then((tasks) => tasks.map(({ id }) => id)),

    complete: (id: string) =>
      store.settle(stage.worker, [{ id, attempt: 1, kind: 'complete', result: null }], DISPATCH),

    release: (lane: string) =>
      stage.worker.begin((tx) =>
        store.releaseHeld(tx, [{ organizationId: stage.ada.organizationId, lane }], DISPATCH),
      ),

    async heldBy(id: string) {
      const [row] = await stage.on.admin`select held_by from tasks where id = ${id}`;
      return row?.held_by;
    },

    /** Returns the ids that a tick of the dispatcher sends of Ada's tasks. */
    async dispatched(): Promise<string[]> {
      const sent: string[] = [];
      const deps = {
        db: stage.dispatcher,
        announce: () => {},
        dispatch: DISPATCH,
        round: { lane: null },
        enqueue: async (wakeUps: readonly { ids: readonly string[]; organizationId: string }[]) => {
          for (const { ids, organizationId } of wakeUps)
            if (organizationId === stage.ada.organizationId) sent.push(...ids);
          return [];
        },
      };
      await tick(deps, () => 60);
      return sent;
    },
  });
}
