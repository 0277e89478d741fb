import { describe, expect, test } from 'vitest';
import type { Client } from '../../http/testing/api-function.ts';
import type { ImportPorts } from '../kinds/batch-import/ports.ts';
import { type Begun, importStage, lines } from './testing/import-stage.ts';

const stage = importStage();
const { begin, run, batchNow, tasksOf } = stage;

describe('the right to import is looked up when it is used', () => {
  const LOST: [what: string, lose: (bob: Client) => ReturnType<Client['ask']>][] = [
    [
      'is a member no more',
      (bob) =>
        stage.ada.ask('DELETE', `/api/organizations/${stage.ada.organizationId}/members/${bob.userId}/`),
    ],
    [
      'is a viewer by now',
      (bob) =>
        stage.ada.ask('PATCH', `/api/organizations/${stage.ada.organizationId}/members/${bob.userId}/`, {
          role: 'viewer',
        }),
    ],
  ];
  /** Starts an import by a member of Ada's organization into it. */
  async function beginAsMember(text: string): Promise<{ begun: Begun; bob: Client }> {
    const bob = await stage.api.register();
    const { organizationId: organization } = stage.ada;
    await stage.on.join({ userId: bob.userId, sessionId: '' }, organization, 'member');
    return { begun: await begin(text, { organization }, bob), bob };
  }

  for (const [what, lose] of LOST) {
    test(`a queued import of a user who ${what} creates no task, and fails without a retry`, async () => {
      const { begun, bob } = await beginAsMember(lines(3));
      expect((await lose(bob)).status).toBeLessThan(300);
      const unread: ImportPorts = {
        ...stage.ports,
        open: () => Promise.reject(new Error('The upload was read')),
      };
      await expect(run(begun, unread)).rejects.toMatchObject({ code: 'import_forbidden' });
      expect(await tasksOf(begun)).toEqual([]);
      expect(await batchNow(begun)).toMatchObject({ status: 'finished', total: 0 });
    });

    test(`an import of a user who ${what} stops in the middle`, async () => {
      const { begun, bob } = await beginAsMember(lines(5_000));
      let chunks = 0;
      const losing: ImportPorts = {
        ...stage.ports,
        insert: async (...given) => {
          chunks += 1;
          if (chunks === 2) await lose(bob);
          return stage.ports.insert(...given);
        },
      };
      await expect(run(begun, losing)).rejects.toMatchObject({ code: 'import_forbidden' });
      expect(await tasksOf(begun)).toHaveLength(2_000);
    });
  }

  test('an import of a user whose role changed to another member role continues', async () => {
    const { begun, bob } = await beginAsMember(lines(3));
    await stage.ada.ask('PATCH', `/api/organizations/${stage.ada.organizationId}/members/${bob.userId}/`, {
      role: 'admin',
    });
    expect(await run(begun)).toMatchObject({ created: 3 });
  });
});

describe('an upload that is replaced', () => {
  const replace = async (begun: Begun) => {
    const [row] = await stage.on.admin`select payload ->> 'upload' as id from tasks where id = ${begun.task}`;
    stage.api.objects.set(
      `uploads/${stage.ada.organizationId}/${row?.id}`,
      Buffer.from(lines(3, () => ({ name: 'Other' }))),
    );
  };

  test('after its import was asked for is not imported', async () => {
    const begun = await begin(lines(3));
    await replace(begun);
    await expect(run(begun)).rejects.toMatchObject({ code: 'upload_replaced' });
    expect(await tasksOf(begun)).toEqual([]);
  });

  test('between its check and its writing is not imported', async () => {
    const begun = await begin(lines(3));
    let passes = 0;
    const replacing: ImportPorts = {
      ...stage.ports,
      open: async (...given) => {
        passes += 1;
        if (passes === 2) await replace(begun);
        return stage.ports.open(...given);
      },
    };
    await expect(run(begun, replacing)).rejects.toMatchObject({ code: 'upload_replaced' });
    expect(await tasksOf(begun)).toEqual([]);
  });
});
