import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IDS_PER_MESSAGE } from '../../functions/tasks/wake-ups.ts';
import { total } from '../../lib/cost/bill.ts';
import { idleUsage } from '../../lib/cost/idle.ts';
import { inventories, PAGE } from '../../lib/cost/page.ts';
import { sections } from '../../lib/cost/report.ts';
import { DEV_BUDGET } from '../../lib/cost/savings.ts';
import { BULK_IDS_PER_MESSAGE } from '../../lib/cost/work.ts';
import { fill } from '../../lib/generated-parts.ts';
import { STAGES } from '../../lib/stages.ts';
import { STAGE_NAMES } from '../testing/synthesized.ts';

const counted = inventories();
// Synthesizes the stacks before the tests, so that no test's time includes the synthesis.
const said = sections(counted);

test('docs/cost.md is up to date; else run `npm run cost`', () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toBe(fill(page, said));
});

test('an idle dev in us-east-1 costs at most its budget at list prices, with nothing free', () => {
  expect(total(idleUsage(counted.dev), { region: 'us-east-1', freeTier: false })).toBeLessThanOrEqual(
    DEV_BUDGET,
  );
});

describe.each(STAGE_NAMES)('the counts of %s equal its parameters', (stage) => {
  const { database, egress } = STAGES[stage];
  const inventory = counted[stage];

  test('capacity, instances and backups of the database', () => {
    expect(inventory.aurora).toEqual({
      minCapacity: database.minCapacity,
      instances: 1 + database.readers,
      backupDays: database.backupDays,
    });
  });

  test('NAT instances or gateways, each with an address', () => {
    const instances = egress.by === 'nat-instance' ? egress.count : 0;
    expect(inventory).toMatchObject({
      natInstances: instances,
      natGateways: egress.count - instances,
      publicIps: egress.count,
    });
  });

  test('ticks of the dispatcher each minute, and of prices each five minutes', () => {
    const rates = inventory.ticks.map(({ functionName, everySeconds }) => [functionName, everySeconds]);
    expect(Object.fromEntries(rates)).toMatchObject({ dispatcher: 60, prices: 300 });
  });
});

test('the README has the prices of both stages from the model', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const idle = (stage: 'dev' | 'prod') =>
    Math.round(total(idleUsage(counted[stage]), { region: 'us-east-1', freeTier: false }));
  expect(readme).toContain(`An idle \`dev\` is about $${idle('dev')} a month in us-east-1 at list prices`);
  expect(readme).toContain(`an idle \`prod\` about $${idle('prod')}.`);
});

test('a bulk message carries the number of ids that the model assumes', () => {
  expect(BULK_IDS_PER_MESSAGE).toBe(IDS_PER_MESSAGE.bulk);
});
