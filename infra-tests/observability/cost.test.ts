import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IDS_PER_MESSAGE } from '../../functions/tasks/wake-ups.ts';
import { total } from '../../lib/cost/bill.ts';
import { idleUsage } from '../../lib/cost/idle.ts';
import { fill } from '../../lib/cost/markdown.ts';
import { inventories, PAGE } from '../../lib/cost/page.ts';
import { sections } from '../../lib/cost/report.ts';
import { DEV_BUDGET } from '../../lib/cost/savings.ts';
import { BULK_IDS_PER_MESSAGE } from '../../lib/cost/work.ts';
import { STAGES } from '../../lib/stages.ts';
import { STAGE_NAMES } from '../testing/synthesized.ts';

const counted = inventories();
// Synthesizes the stacks before the tests, so that no test's time includes the synthesis.
const said = sections(counted);

test('docs/cost.md says what the model says of the stack as it is; else run `npm run cost`', () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(page).toBe(fill(page, said));
});

test('an idle dev in us-east-1 costs at most its budget at list prices, with nothing free', () => {
  expect(total(idleUsage(counted.dev), { region: 'us-east-1', freeTier: false })).toBeLessThanOrEqual(
    DEV_BUDGET,
  );
});

describe.each(STAGE_NAMES)('what is counted of %s is what its parameters ask for', (stage) => {
  const { database, egress } = STAGES[stage];
  const inventory = counted[stage];

  test('capacity, instances and backups of the database', () => {
    expect(inventory.aurora).toEqual({
      minCapacity: database.minCapacity,
      instances: 1 + database.readers,
      backupDays: database.backupDays,
    });
  });

  test('the ways out, each with an address', () => {
    const instances = egress.by === 'nat-instance' ? egress.count : 0;
    expect(inventory).toMatchObject({
      natInstances: instances,
      natGateways: egress.count - instances,
      publicIps: egress.count,
    });
  });

  test('the dispatcher’s minute and the prices’ five', () => {
    const rates = inventory.ticks.map(({ functionName, everySeconds }) => [functionName, everySeconds]);
    expect(Object.fromEntries(rates)).toMatchObject({ dispatcher: 60, prices: 300 });
  });
});

test('the README says what the model says of both stages at list prices', () => {
  const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
  const idle = (stage: 'dev' | 'prod') =>
    Math.round(total(idleUsage(counted[stage]), { region: 'us-east-1', freeTier: false }));
  expect(readme).toContain(`An idle \`dev\` is about $${idle('dev')} a month in us-east-1 at list prices`);
  expect(readme).toContain(`an idle \`prod\` about $${idle('prod')}.`);
});

test('a bulk message carries as many ids as the model reckons with', () => {
  expect(BULK_IDS_PER_MESSAGE).toBe(IDS_PER_MESSAGE.bulk);
});
