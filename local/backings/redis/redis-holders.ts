import { randomUUID } from 'node:crypto';
import { CONNECTION_LIMITS, type ConnectionHolders } from '../../emulators/api-gateway/websocket-api.ts';
import type { ConnectionInfo } from '../../emulators/api-gateway/websocket-events.ts';
import type { Redis } from './redis-client.ts';

/** What a gateway's word is worth: it is repeated every `beatMs` and forgotten after `lifeMs`. */
const HEARTBEAT = { beatMs: 1_000, lifeMs: 5_000 };

/** Milliseconds that one survivor has to bury a dead gateway's connections before another one tries. */
const BURIAL_MS = 30_000;

/** No connection outlives this, nor does what is written of it. */
const FORGET_SECONDS = CONNECTION_LIMITS.lifeSeconds + 60;

const KEYS = {
  /** A set: the gateways that have begun and not ended. */
  gateways: 'celeriac:gateways',
  /** Expires unless the gateway lives. */
  alive: (gateway: string) => `celeriac:gateway:${gateway}:alive`,
  /** A hash: the gateway's connections by id. */
  held: (gateway: string) => `celeriac:gateway:${gateway}:held`,
  /** The survivor that buries the gateway. */
  burial: (gateway: string) => `celeriac:gateway:${gateway}:burial`,
  /** The gateway that holds the connection. */
  holder: (connectionId: string) => `celeriac:connection:${connectionId}`,
};

export interface RedisHolders extends ConnectionHolders {
  /** Takes this gateway and all that it holds off the list. */
  leave(): Promise<void>;
}

/** The gateway that holds a connection, if any does. */
export async function holderOf(redis: Redis, connectionId: string): Promise<string | undefined> {
  return (await redis.get(KEYS.holder(connectionId))) ?? undefined;
}

/**
 * Writes down in Redis what this gateway holds, and buries what dead gateways have held.
 *
 * @param options.bury     tells the system of the end of a connection whose gateway is dead
 * @param options.expelled is called when this gateway was silent for so long that others may have buried it: what it
 *   still holds, the system no longer knows
 */
export async function joinHolders(options: {
  redis: Redis;
  gateway: string;
  bury: (connection: ConnectionInfo) => Promise<unknown>;
  expelled: () => void;
  heartbeat?: typeof HEARTBEAT;
}): Promise<RedisHolders> {
  const { redis, gateway, bury, expelled, heartbeat = HEARTBEAT } = options;
  const life = { type: 'PX', value: heartbeat.lifeMs } as const;

  async function enter(): Promise<void> {
    // Alive before on the list, so that nobody finds it there dead.
    await redis.set(KEYS.alive(gateway), randomUUID(), { expiration: life });
    await redis.sAdd(KEYS.gateways, gateway);
  }

  async function beat(): Promise<void> {
    const stillThere = await redis.set(KEYS.alive(gateway), randomUUID(), {
      expiration: life,
      condition: 'XX',
    });
    if (!stillThere) {
      expelled();
      return enter();
    }
    // Who buried it may have taken it off the list after it came back.
    await redis.sAdd(KEYS.gateways, gateway);
  }

  async function buryTheDead(): Promise<void> {
    for (const other of await redis.sMembers(KEYS.gateways)) {
      if (other === gateway || (await redis.exists(KEYS.alive(other)))) continue;
      const burial = { type: 'PX', value: BURIAL_MS } as const;
      if (!(await redis.set(KEYS.burial(other), gateway, { expiration: burial, condition: 'NX' }))) continue;
      const held = Object.values(await redis.hGetAll(KEYS.held(other))).map(connectionIn);
      const connectionIds = held.map(({ connectionId }) => connectionId);
      // Gone before their end is told, as at API Gateway. They stay on the list until it has been told of each.
      await disown(connectionIds);
      await Promise.all(held.map(bury));
      // One that was only silent may be back by now: it keeps its life, and what it has held since.
      await forget(other, connectionIds);
    }
  }

  /** Nobody holds these connections any more. */
  async function disown(connectionIds: readonly string[]): Promise<void> {
    if (connectionIds.length > 0) await redis.del(connectionIds.map(KEYS.holder));
  }

  /** Takes a gateway off the list, and these connections off its own. */
  async function forget(other: string, connectionIds: readonly string[]): Promise<void> {
    const multi = redis.multi().del(KEYS.burial(other)).sRem(KEYS.gateways, other);
    if (connectionIds.length > 0) multi.hDel(KEYS.held(other), [...connectionIds]);
    await multi.exec();
  }

  await enter();
  let timer: NodeJS.Timeout | undefined;
  let beating = Promise.resolve();
  const round = async () => {
    beating = beat();
    // While Redis is away there is nobody to tell; the next beat finds out what that meant.
    await beating.then(buryTheDead).catch(() => {});
    if (timer) timer = setTimeout(round, heartbeat.beatMs);
  };
  timer = setTimeout(round, 0);

  return {
    hold: async (connection) => {
      const { connectionId } = connection;
      await redis
        .multi()
        .hSet(KEYS.held(gateway), connectionId, JSON.stringify(connection))
        .expire(KEYS.held(gateway), FORGET_SECONDS)
        .set(KEYS.holder(connectionId), gateway, { expiration: { type: 'EX', value: FORGET_SECONDS } })
        .exec();
    },
    release: async (connectionId) => {
      await redis
        .multi()
        .hDel(KEYS.held(gateway), connectionId)
        .del(KEYS.holder(connectionId))
        .exec()
        .catch(() => {});
    },
    leave: async () => {
      clearTimeout(timer);
      timer = undefined;
      // It would put this gateway on the list again.
      await beating.catch(() => {});
      await redis
        .hKeys(KEYS.held(gateway))
        .then(async (connectionIds) => {
          await disown(connectionIds);
          await forget(gateway, connectionIds);
          await redis.del(KEYS.alive(gateway));
        })
        .catch(() => {});
    },
  };
}

function connectionIn(text: string): ConnectionInfo {
  const connection: Omit<ConnectionInfo, 'connectedAt'> & { connectedAt: string } = JSON.parse(text);
  return { ...connection, connectedAt: new Date(connection.connectedAt) };
}
