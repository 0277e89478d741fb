import { randomBytes, randomUUID } from 'node:crypto';
import * as mail from '../../mail/store/index.ts';
import type { Database } from '../connect.ts';
import type { CallSetup } from './call-setup.ts';
import { type Call, type Calls, mine } from './calls.ts';

const address = () => `${randomUUID()}@example.com`;

/** Calls a function for a running attempt, which has begun to send if `begun` says so. */
const sending =
  (begun: boolean, work: (db: Database, sender: mail.Sender) => Promise<unknown>): Call =>
  async (db, setup: CallSetup) => {
    const [taskId = ''] = await setup.made('RUNNING', 1);
    if (begun) {
      await setup.admin`
        insert into mail_sends (task_id, organization_id, attempt) values (${taskId}, ${setup.member.organizationId}, 1)`;
    }
    return work(db, { taskId, attempt: 1 });
  };

const prepare = (recipientsPerSecond: number | null): Call =>
  sending(false, (db, sender) =>
    mail.prepareSend(db, sender, {
      identities: ['ada@example.com', 'example.com'],
      addresses: [address(), address()],
      provider: randomUUID(),
      recipientsPerSecond,
      longestSeconds: 30,
    }),
  );

export const MAIL: Calls<typeof mail> = {
  addSuppressions: {
    api: mine((tx, { member }) => mail.addSuppressions(tx, { ...member, addresses: [address(), address()] })),
  },
  beginSend: { worker: sending(false, (db, sender) => mail.beginSend(db, sender, 2)) },
  findSuppressions: {
    api: mine((tx, { member }) => mail.findSuppressions(tx, member.organizationId, [address(), address()])),
  },
  forgetSend: { worker: sending(true, mail.forgetSend) },
  listSuppressions: {
    api: mine((tx, { member: { organizationId } }) =>
      mail.listSuppressions(tx, { organizationId, after: '' }, 26),
    ),
  },
  missingSenders: {
    api: mine((tx) => mail.missingSenders(tx, [['ada@example.com', 'example.com']])),
    worker: (db) => mail.missingSenders(db, [['ada@example.com', 'example.com']]),
  },
  prepareSend: { worker: [prepare(14), prepare(null)] },
  recordSent: { worker: sending(true, (db, sender) => mail.recordSent(db, sender, '{}')) },
  recordUnknown: { worker: sending(true, mail.recordUnknown) },
  removeSuppression: {
    api: mine(async (tx, { admin, member: { organizationId } }) => {
      const gone = address();
      await admin`insert into suppressions (organization_id, address, reason) values (${organizationId}, ${gone}, 'bounce')`;
      await admin`
        insert into suppression_usage values (${organizationId}, 1)
        on conflict (organization_id) do update set suppressions = suppression_usage.suppressions + 1`;
      return mail.removeSuppression(tx, organizationId, gone);
    }),
  },
  suppress: {
    mail_events: (db, { member: { organizationId } }) =>
      mail.suppress(db, {
        organizationId,
        addresses: [address()],
        reason: 'bounce',
        detail: null,
        taskId: null,
      }),
  },
  unsubscribe: {
    api: (db, { member: { organizationId } }) =>
      mail.unsubscribe(db, { organizationId, address: address(), signature: randomBytes(32) }),
  },
  unsubscribeKey: { worker: (db, { member }) => mail.unsubscribeKey(db, member.organizationId) },
};
