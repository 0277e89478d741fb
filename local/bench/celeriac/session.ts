import { pollUntil } from '../measuring/poll.ts';
import { noted } from '../measuring/running.ts';
import { type Client, openClient } from './client.ts';
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
}

/** Starts Celeriac and registers a user. Everything that it starts is `noted`. */
export async function openSession(
  directory: string,
  options: { schedules?: boolean } = {},
): Promise<Session> {
  const host = await startHost(directory, options);
  const rows = openRows(host.databaseUrl);
  noted(() => rows.end({ timeout: 1 }));
  const stranger = async () => {
    const client = await openClient(host.url);
    noted(client.close);
    return client;
  };
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
  };
}
