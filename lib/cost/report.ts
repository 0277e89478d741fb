import { bill, type Terms, total, type Usage } from './bill.ts';
import { IDLE_ASSUMED, idleUsage } from './idle.ts';
import type { Inventory } from './inventory.ts';
import { count, dollars, rounded, table, words } from './markdown.ts';
import { PRICE_NAMES, PRICES, type PriceName } from './prices.ts';
import { DEV_BUDGET, SAVINGS } from './savings.ts';
import { SOURCES, type Source } from './sources.ts';
import type { StageName } from './templates.ts';
import { REGIONS, type Region } from './unit-price.ts';
import { usageOf, WORK, WORK_ASSUMED, type WorkName } from './work.ts';

export type Inventories = Record<StageName, Inventory>;

const STAGE_NAMES: readonly StageName[] = ['dev', 'prod'];
const WORK_NAMES = Object.keys(WORK) as readonly WorkName[];
const MILLION = 1e6;
const paid = (region: Region): Terms => ({ region, freeTier: false });

/** Returns the generated parts of docs/cost.md, by the names of their markers. */
export function sections(inventories: Inventories): Record<string, string> {
  return {
    summary: summary(inventories),
    idle: idle(inventories),
    savings: savings(inventories),
    work: work(inventories),
    inputs: inputs(),
    prices: prices(),
    sources: sources(),
  };
}

function summary(inventories: Inventories): string {
  const rows = STAGE_NAMES.flatMap((stage) =>
    REGIONS.map((region) => {
      const usage = idleUsage(inventories[stage]);
      return [
        stage,
        region,
        dollars(total(usage, paid(region))),
        dollars(total(usage, { region, freeTier: true })),
      ];
    }),
  );
  const verdicts = REGIONS.map((region) => {
    const usage = idleUsage(inventories.dev);
    const [list, own] = [false, true].map((freeTier) => verdict(total(usage, { region, freeTier })));
    return `In ${region}, \`dev\` ${list} at list prices, and ${own} with the free amounts.`;
  });
  return [
    table(['stage', 'region', 'idle, a month', 'with the monthly free amounts'], rows),
    '',
    `The budget of an idle \`dev\` is ${dollars(DEV_BUDGET)}. ${verdicts.join(' ')}`,
    ...REGIONS.filter((region) => leastOf(inventories.dev, region) > DEV_BUDGET).map(
      (region) =>
        `No change can meet the budget in ${region}: Aurora at its minimum, its storage and the smallest NAT alone cost ${dollars(leastOf(inventories.dev, region))} there.`,
    ),
  ].join('\n');
}

/** Items that every stage needs in its current form: the database, and the way out of its network. */
const INDISPENSABLE = [
  'auroraAcuHours',
  'auroraGbMonths',
  'auroraIos',
  'natInstanceHours',
  'diskGbMonths',
  'natGatewayHours',
  'publicIpHours',
] as const satisfies readonly PriceName[];

function leastOf(inventory: Inventory, region: Region): number {
  const usage = idleUsage(inventory);
  return total(Object.fromEntries(INDISPENSABLE.map((name) => [name, usage[name] ?? 0])), paid(region));
}

function verdict(usd: number): string {
  const spare = DEV_BUDGET - usd;
  return spare >= 0 ? `stays ${dollars(spare)} below it` : `**exceeds it by ${dollars(-spare)}**`;
}

function idle(inventories: Inventories): string {
  const usages = STAGE_NAMES.map((stage) => idleUsage(inventories[stage]));
  const columns = STAGE_NAMES.flatMap((stage) => [`${stage}: amount`, ...REGIONS]);
  const rows = PRICE_NAMES.filter((name) => usages.some((usage) => usage[name])).map((name) => [
    PRICES[name].what,
    ...usages.flatMap((usage) => [
      usage[name] ? `${count(usage[name])} ${plural(PRICES[name].unit, usage[name])}` : '',
      ...REGIONS.map((region) => lineOf(usage, name, region)),
    ]),
  ]);
  const totals = usages.flatMap((usage) => [
    '',
    ...REGIONS.map((r) => `**${dollars(total(usage, paid(r)))}**`),
  ]);
  return table(['', ...columns], [...rows, ['**total**', ...totals]]);
}

const plural = (unit: string, amount: number) => (amount === 1 || /[A-Z]$/.test(unit) ? unit : `${unit}s`);

function lineOf(usage: Usage, name: PriceName, region: Region): string {
  return dollars(bill(usage, paid(region)).find((line) => line.name === name)?.usd);
}

function savings({ dev }: Inventories): string {
  const rows = SAVINGS.map(({ what, price, usage }) => [
    what,
    ...REGIONS.map((region) => dollars(total(usage(dev), paid(region)))),
    price,
  ]);
  return table(['change of `dev`', ...REGIONS, 'disadvantages'], rows);
}

function work(inventories: Inventories): string {
  const region = 'us-east-1';
  const usages = WORK_NAMES.map((name) => usageOf(WORK[name], MILLION, inventories.prod));
  const rows = PRICE_NAMES.filter((name) => usages.some((usage) => usage[name])).map((name) => [
    PRICES[name].what,
    ...usages.map((usage) => lineOf(usage, name, region)),
  ]);
  const totals = (label: string, stage: StageName, terms: Terms) => [
    label,
    ...WORK_NAMES.map(
      (name) => `**${dollars(total(usageOf(WORK[name], MILLION, inventories[stage]), terms))}**`,
    ),
  ];
  return table(
    ['per million, `prod`, us-east-1', ...WORK_NAMES.map((name) => WORK[name].what)],
    [
      ...rows,
      totals('**total**', 'prod', paid(region)),
      totals('the same in eu-central-1', 'prod', paid('eu-central-1')),
      totals('`dev`, us-east-1', 'dev', paid(region)),
    ],
  );
}

function inputs(): string {
  const kinds = Object.keys(WORK.single).filter((key) => key !== 'what') as (keyof typeof WORK.single)[];
  const perUnit = table(
    ['one', ...WORK_NAMES.map((name) => WORK[name].what)],
    kinds.map((kind) => [words(kind), ...WORK_NAMES.map((name) => rounded(Number(WORK[name][kind])))]),
  );
  const { tickMilliseconds, ...idleScalars } = IDLE_ASSUMED;
  const ticks = Object.entries(tickMilliseconds).map(([name, ms]) => [
    `tick of ${name}, milliseconds`,
    String(ms),
  ]);
  const assumed = Object.entries({ ...idleScalars, ...WORK_ASSUMED }).map(([k, v]) => [words(k), String(v)]);
  return [perUnit, '', table(['assumed', ''], [...ticks, ...assumed])].join('\n');
}

function prices(): string {
  const rows = PRICE_NAMES.map((name) => {
    const { what, unit, per, free, quotes } = PRICES[name];
    const unitText = per === 1 ? unit : `${count(per)} ${unit}s`;
    return [
      what,
      unitText,
      ...REGIONS.flatMap((region) => [`$${quotes[region].usd}`, mark(quotes[region].source)]),
      free === undefined ? '' : `${count(free)} ${plural(unit, free)}`,
    ];
  });
  return table(['', 'per', ...REGIONS.flatMap((region) => [region, 'seen']), 'free each month'], rows);
}

const mark = (source: Source) =>
  source === 'unconfirmed' ? '**not confirmed**' : `${SOURCES[source].seen} \`${source}\``;

function sources(): string {
  const used = new Set<Source>(
    PRICE_NAMES.flatMap((name) => REGIONS.map((region) => PRICES[name].quotes[region].source)),
  );
  const rows = Object.entries(SOURCES).map(([name, { seen, what }]) => [`\`${name}\``, seen, what]);
  return table(
    ['source', 'date', 'what was read'],
    rows.filter(([name]) => used.has(name?.slice(1, -1) as Source)),
  );
}
