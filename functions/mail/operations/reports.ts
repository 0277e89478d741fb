import * as z from 'zod';
import type { Database } from '../../database/connect.ts';
import { addressFault, comparedAddress } from '../address.ts';
import { ORIGIN_TAGS } from '../message.ts';
import * as store from '../store/index.ts';

/** Characters of a mail server's words that are kept. */
const MAX_DETAIL = 500;

const Recipient = z.object({
  emailAddress: z.string(),
  diagnosticCode: z.string().optional(),
});

/**
 * A report that SES publishes about a mail.
 *
 * @see https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
 */
const Report = z.object({
  mail: z.object({ tags: z.record(z.string(), z.array(z.string())).default({}) }),
  bounce: z
    .object({
      bounceType: z.string(),
      bounceSubType: z.string().default(''),
      bouncedRecipients: z.array(Recipient),
    })
    .optional(),
  complaint: z
    .object({ complaintFeedbackType: z.string().default(''), complainedRecipients: z.array(Recipient) })
    .optional(),
});

type Report = z.output<typeof Report>;

type Suppressed = {
  reason: 'bounce' | 'complaint';
  recipients: readonly z.output<typeof Recipient>[];
  words: string;
};

/**
 * Suppresses the addresses of a report about a mail: those that do not exist, and those whose owner took the mail for spam. Safe to
 * repeat.
 *
 * @returns the number of newly suppressed addresses
 */
export async function recordReport({ db }: { db: Database }, detail: unknown): Promise<number> {
  const report = Report.parse(detail);
  const organizationId = report.mail.tags[ORIGIN_TAGS.organizationId]?.[0];
  const taskId = report.mail.tags[ORIGIN_TAGS.taskId]?.[0] ?? null;
  const found = suppressedBy(report);
  // A mail without the tag was not sent by a task.
  if (!found || organizationId === undefined) return 0;
  let added = 0;
  for (const { emailAddress, diagnosticCode } of found.recipients) {
    const address = emailAddress.replace(/^.*<|>.*$/g, '');
    if (addressFault(address) !== undefined) continue;
    added += await store.suppress(db, {
      organizationId,
      addresses: [comparedAddress(address)],
      reason: found.reason,
      detail: (diagnosticCode ?? found.words).slice(0, MAX_DETAIL) || null,
      taskId,
    });
  }
  return added;
}

function suppressedBy({ bounce, complaint }: Report): Suppressed | undefined {
  // Other bounces pass: a full mailbox, or a server that is away.
  if (bounce?.bounceType === 'Permanent') {
    const { bouncedRecipients: recipients, bounceSubType: words } = bounce;
    return { reason: 'bounce', recipients, words };
  }
  if (complaint && complaint.complaintFeedbackType !== 'not-spam') {
    const { complainedRecipients: recipients, complaintFeedbackType: words } = complaint;
    return { reason: 'complaint', recipients, words };
  }
  return undefined;
}
