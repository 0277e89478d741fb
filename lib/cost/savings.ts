import { HOURS, type Usage } from './bill.ts';
import { idleUsage } from './idle.ts';
import type { Inventory } from './inventory.ts';

/** Maximum cost of an idle `dev`, in US dollars per month. */
export const DEV_BUDGET = 60;

type Saving = { what: string; price: string; usage: (inventory: Inventory) => Usage };

const ticking = (inventory: Inventory, everySeconds: number): Inventory => ({
  ...inventory,
  aurora: { ...inventory.aurora, minCapacity: 0 },
  ticks: inventory.ticks.map((tick) => ({ ...tick, everySeconds })),
});

/** Changes that make an idle stage cheaper, each with its disadvantages. */
export const SAVINGS: readonly Saving[] = [
  {
    what: 'only `minCapacity: 0`',
    price:
      'saves nothing: Aurora pauses after 300 s without a connection, and the dispatcher runs every 60 s',
    usage: (inventory) => idleUsage({ ...inventory, aurora: { ...inventory.aurora, minCapacity: 0 } }),
  },
  {
    what: '`minCapacity: 0`, both rules every 15 minutes, `lookaheadSeconds: 900`',
    price:
      'a first request after a pause waits about 15 s, longer than `connect_timeout` allows now; a task that crashed is taken back up to 15 minutes later; frozen sandboxes must not hold connections. Unproven, and a lower bound',
    usage: (inventory) => idleUsage(ticking(inventory, 900)),
  },
  {
    what: 'the same, without alarms',
    price: 'nobody is notified of faults',
    usage: (inventory) => idleUsage({ ...inventory, dashboards: 0, alarms: 0, metrics: 0 }),
  },
  {
    what: 'no NAT: functions go out by IPv6 and an egress-only gateway, which is free',
    price:
      'a host without IPv6 cannot be reached by a task; unproven for every AWS endpoint that the functions call',
    usage: (inventory) => idleUsage({ ...inventory, natInstances: 0, natGateways: 0, publicIps: 0 }),
  },
  {
    what: 'RDS db.t4g.small instead of Aurora',
    price: 'another construct, one zone, no growth by itself; the same Postgres, with IAM login',
    usage: (inventory) => {
      const { auroraAcuHours, auroraGbMonths, auroraIos, auroraBackupGbMonths, ...rest } =
        idleUsage(inventory);
      return { ...rest, rdsHours: HOURS, rdsGbMonths: 20 };
    },
  },
];
