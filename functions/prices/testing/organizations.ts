import type { Principal, Role } from '../../database/enter.ts';
import type { DatabaseFixture } from '../../database/testing/database-fixture.ts';
import type { Pair } from '../price.ts';

/** Functions with which tests of prices write data directly into the database. */
export type Arranged = ReturnType<typeof arrange>;

export function arrange({ admin, member }: DatabaseFixture) {
  return {
    /** An organization that follows the given pairs, with one member, who is logged in. */
    async organization(
      pairs: readonly Pair[] = [],
      role: Role = 'owner',
    ): Promise<Principal & { id: string }> {
      const { organizationId: id, ...principal } = await member();
      await admin`update memberships set role = ${role} where organization_id = ${id}`;
      await admin`
        insert into watchlists (organization_id, asset, currency)
        select ${id}, asset, currency
        from jsonb_to_recordset(${JSON.stringify(pairs)}::jsonb) as p(asset text, currency text)`;
      return { id, ...principal };
    },
    /** Stores a price. Times are RFC 3339. */
    async tick({ asset, currency, bucket, price, asOf = bucket }: TickRow): Promise<void> {
      await admin`
        insert into price_ticks (asset, currency, bucket, price, change_24h, provider_updated_at, source)
        values (${asset}, ${currency}, ${bucket}, ${price}, 1.5, ${asOf}, 'coingecko')`;
    },
    /** Deletes all organizations, prices and traces. */
    async clear(): Promise<void> {
      await admin`truncate organizations, price_ticks, price_fetches cascade`;
    },
  };
}

type TickRow = Pair & { bucket: string; price: string; asOf?: string };
