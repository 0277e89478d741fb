import { randomUUID } from 'node:crypto';
import type { Redis } from './redis-client.ts';
import { CONNECTION_LIMITS, type ConnectionHolders } from './websocket-api.ts';
import type { ConnectionInfo } from './websocket-events.ts';

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
    if (stillThere) return;
    expelled();
    await enter();
  }

  async function buryTheDead(): Promise<void> {
    for (const other of await redis.sMembers(KEYS.gateways)) {
      if (other === gateway || (await redis.exists(KEYS.alive(other)))) continue;
      const burial = { type: 'PX', value: BURIAL_MS } as const;
      if (!(await redis.set(KEYS.burial(other), gateway, { expiration: burial, condition: 'NX' }))) continue;
      const held = Object.values(await redis.hGetAll(KEYS.held(other))).map(connectionIn);
      // Gone before their end is told, as at API Gateway. They stay on the list until it has been told of each.
      await disown(held.map(({ connectionId }) => connectionId));
      await Promise.all(held.map(bury));
      await forget(other);
    }
  }

  /** Nobody holds these connections any more. */
  async function disown(connectionIds: readonly string[]): Promise<void> {
    if (connectionIds.length > 0) await redis.del(connectionIds.map(KEYS.holder));
  }

  async function forget(other: string): Promise<void> {
    await redis
      .multi()
      .del([KEYS.alive(other), KEYS.held(other), KEYS.burial(other)])
      .sRem(KEYS.gateways, other)
      .exec();
  }

  await enter();
  let timer: NodeJS.Timeout | undefined;
  const round = async () => {
    // While Redis is away there is nobody to tell; the next beat finds out what that meant.
    await beat()
      .then(buryTheDead)
      .catch(() => {});
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
      await redis
        .hKeys(KEYS.held(gateway))
        .then(disown)
        .then(() => forget(gateway))
        .catch(() => {});
    },
  };
}

function connectionIn(text: string): ConnectionInfo {
  const connection: Omit<ConnectionInfo, 'connectedAt'> & { connectedAt: string } = JSON.parse(text);
  return { ...connection, connectedAt: new Date(connection.connectedAt) };
}
