import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../database/connect.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../database/testing/database-fixture.ts';
import { recordReport } from './reports.ts';

let on: DatabaseFixture;
let db: Database;
let ada: Member;
beforeAll(async () => {
  on = await databaseFixture();
  db = on.as('mail_events');
});
beforeEach(async () => {
  ada = await on.member();
});
afterAll(() => on.close());

const TASK = uuidv7();

/** Returns the part of every report that names the mail. */
const mail = (organization = ada.organizationId) => ({
  messageId: 'm',
  destination: ['bob@example.org'],
  tags: { organization: [organization], task: [TASK], 'ses:configuration-set': ['celeriac-dev'] },
});
const bounce = (bounceType: string, ...emailAddresses: string[]) => ({
  eventType: 'Bounce',
  mail: mail(),
  bounce: {
    bounceType,
    bounceSubType: 'General',
    bouncedRecipients: emailAddresses.map((emailAddress) => ({
      emailAddress,
      action: 'failed',
      status: '5.1.1',
      diagnosticCode: 'smtp; 550 5.1.1 user unknown',
    })),
  },
});
const complaint = (complaintFeedbackType?: string) => ({
  eventType: 'Complaint',
  mail: mail(),
  complaint: {
    complainedRecipients: [{ emailAddress: 'bob@example.org' }],
    ...(complaintFeedbackType && { complaintFeedbackType }),
  },
});

const suppressed = () => on.admin`
  select address, reason, detail, task_id from suppressions where organization_id = ${ada.organizationId} order by address`;

describe('a report suppresses', () => {
  test('the addresses that do not exist, with the words of their server', async () => {
    expect(await recordReport({ db }, bounce('Permanent', 'Bob@Example.org', 'Ann <ann@example.org>'))).toBe(
      2,
    );
    const common = { reason: 'bounce', detail: 'smtp; 550 5.1.1 user unknown', task_id: TASK };
    expect([...(await suppressed())]).toEqual([
      { address: 'ann@example.org', ...common },
      { address: 'bob@example.org', ...common },
    ]);
    const [usage] =
      await on.admin`select suppressions from suppression_usage where organization_id = ${ada.organizationId}`;
    expect(usage?.suppressions).toBe(2);
  });

  test.each(['abuse', 'fraud', undefined])('the address of who complained (%s)', async (type) => {
    expect(await recordReport({ db }, complaint(type))).toBe(1);
    expect([...(await suppressed())]).toMatchObject([{ address: 'bob@example.org', reason: 'complaint' }]);
  });

  test('an address once, however often the report comes', async () => {
    await recordReport({ db }, bounce('Permanent', 'bob@example.org'));
    expect(await recordReport({ db }, complaint())).toBe(0);
    expect([...(await suppressed())]).toMatchObject([{ reason: 'bounce' }]);
  });
});

describe('a report suppresses nothing', () => {
  test.each<[string, () => unknown]>([
    ['about a bounce that passes', () => bounce('Transient', 'bob@example.org')],
    ['about a bounce of an unknown sort', () => bounce('Undetermined', 'bob@example.org')],
    ['that says not spam', () => complaint('not-spam')],
    ['about a delivery', () => ({ eventType: 'Delivery', mail: mail(), delivery: {} })],
    [
      'about a mail that no task sent',
      () => ({ ...bounce('Permanent', 'bob@example.org'), mail: { tags: {} } }),
    ],
    [
      'about an organization that was deleted',
      () => ({ ...bounce('Permanent', 'bob@example.org'), mail: mail(uuidv7()) }),
    ],
    ['about what is no address', () => bounce('Permanent', 'bob', '', 'a@b')],
  ])('%s', async (_, report) => {
    expect(await recordReport({ db }, report())).toBe(0);
    expect([...(await suppressed())]).toEqual([]);
  });
});

test('a report that cannot be read fails, so that it comes again and is then kept for a person', async () => {
  for (const report of [null, {}, { mail: 1 }]) await expect(recordReport({ db }, report)).rejects.toThrow();
});
