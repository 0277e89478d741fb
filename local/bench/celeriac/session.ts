import { pollUntil } from '../measuring/poll.ts';
import { type Client, register } from './client.ts';
import { type Host, startHost } from './host.ts';
import { completedOf, isIdle, openRows, type Rows, type Times } from './store.ts';

const IDLE_SECONDS = 120;
const COMPLETE_SECONDS = 60;

/** A running Celeriac with a user and access to its rows. */
export interface Session {
  readonly host: Host;
  readonly client: Client;
  readonly rows: Rows;
  /** Registers another user, with its own organization. */
  stranger(): Promise<Client>;
  /** Resolves when all tasks have completed. @returns the times of their rows, in the order of `ids` */
  completed(ids: readonly string[]): Promise<Times[]>;
  /** Resolves when no task is due or running. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export async function openSession(
  directory: string,
  options: { schedules?: boolean } = {},
): Promise<Session> {
  await using undo = new AsyncDisposableStack();
  const host = await startHost(directory, options);
  undo.defer(host.stop);
  const rows = openRows(host.databaseUrl);
  undo.defer(() => rows.end({ timeout: 1 }));
  const stranger = async () => {
    const client = await register(host.url);
    all.defer(client.close);
    return client;
  };
  const all = undo.move();
  try {
    return {
      host,
      rows,
      client: await stranger(),
      stranger,
      async completed(ids) {
        let found: Times[] = [];
        await pollUntil(
          async () => {
            found = await completedOf(rows, ids);
            return found.length === ids.length;
          },
          { everyMilliseconds: 5, seconds: COMPLETE_SECONDS },
        );
        const byId = new Map(found.map((times) => [times.id, times]));
        return ids.map((id) => byId.get(id)).filter((times) => times !== undefined);
      },
      idle: () => pollUntil(() => isIdle(rows), { everyMilliseconds: 50, seconds: IDLE_SECONDS }),
      stop: () => all.disposeAsync(),
    };
  } catch (error) {
    await all.disposeAsync();
    throw error;
  }
}
