import { randomUUID } from 'node:crypto';
import { CONNECTION_LIMITS, type ConnectionHolders } from '../../emulators/api-gateway/websocket-api.ts';
import type { ConnectionInfo } from '../../emulators/api-gateway/websocket-events.ts';
import type { Redis } from './redis-client.ts';

/** Heartbeat of a gateway: renewed every `beatMs`, expires after `lifeMs`. */
const HEARTBEAT = { beatMs: 1_000, lifeMs: 5_000 };

/** Milliseconds that one survivor has to bury a dead gateway's connections before another survivor tries. */
const BURIAL_MS = 30_000;

/** Expiry of Redis keys, in seconds: a minute longer than any connection lives. */
const FORGET_SECONDS = CONNECTION_LIMITS.lifeSeconds + 60;

const KEYS = {
  /** A set of the gateways that have started and not left. */
  gateways: 'celeriac:gateways',
  /** Exists while the gateway is alive; the heartbeat renews it. */
  alive: (gateway: string) => `celeriac:gateway:${gateway}:alive`,
  /** A hash of the gateway's connections by id. */
  held: (gateway: string) => `celeriac:gateway:${gateway}:held`,
  /** Lock: the survivor that buries the gateway. */
  burial: (gateway: string) => `celeriac:gateway:${gateway}:burial`,
  /** The gateway that holds the connection. */
  holder: (connectionId: string) => `celeriac:connection:${connectionId}`,
};

export interface RedisHolders extends ConnectionHolders {
  /** Removes this gateway and its connections from Redis. */
  leave(): Promise<void>;
}

/** Returns the gateway that holds a connection, or undefined. */
export async function holderOf(redis: Redis, connectionId: string): Promise<string | undefined> {
  return (await redis.get(KEYS.holder(connectionId))) ?? undefined;
}

/**
 * Records in Redis the connections that this gateway holds, and buries the connections of dead gateways.
 *
 * @param options.bury reports the end of a connection whose gateway is dead
 * @param options.expelled called when this gateway was silent for so long that others may have buried it. The system no
 *   longer knows the connections that it still holds.
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
    // The heartbeat comes first, so that no other gateway finds this one on the list without it.
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
    // The gateway that buried this one may have removed it from the list after its return.
    await redis.sAdd(KEYS.gateways, gateway);
  }

  async function buryTheDead(): Promise<void> {
    for (const other of await redis.sMembers(KEYS.gateways)) {
      if (other === gateway || (await redis.exists(KEYS.alive(other)))) continue;
      const burial = { type: 'PX', value: BURIAL_MS } as const;
      if (!(await redis.set(KEYS.burial(other), gateway, { expiration: burial, condition: 'NX' }))) continue;
      const held = Object.values(await redis.hGetAll(KEYS.held(other))).map(connectionIn);
      const connectionIds = held.map(({ connectionId }) => connectionId);
      // Holders are deleted before `$disconnect` runs, as at API Gateway. The gateway's own list keeps the connections
      // until `$disconnect` has run for each.
      await disown(connectionIds);
      await Promise.all(held.map(bury));
      // A gateway that was only silent may be back: it keeps its heartbeat and its newer connections.
      await forget(other, connectionIds);
    }
  }

  /** Deletes the holder of these connections. */
  async function disown(connectionIds: readonly string[]): Promise<void> {
    if (connectionIds.length > 0) await redis.del(connectionIds.map(KEYS.holder));
  }

  /** Removes a gateway from the set of gateways, and these connections from the gateway's hash. */
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
    // While Redis is away nothing can be recorded. The next beat finds out whether this gateway was buried.
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
      // A beat under way would add this gateway to the list again.
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
