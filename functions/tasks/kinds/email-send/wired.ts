import { setTimeout as sleep } from 'node:timers/promises';
import { turns } from '../../../fetch/client/turns.ts';
import { comparedAddress, domainOf, type Mailbox, mailboxOf } from '../../../mail/address.ts';
import { allowedHeader } from '../../../mail/headers.ts';
import type { Attachment, ComposedMail, Mailer, Message, SendAnswer } from '../../../mail/message.ts';
import type { NotBegun, Prepared, Sends, SentMail } from '../../../mail/operations/sends.ts';
import {
  defineTask,
  PermanentError,
  RetryError,
  type TaskContext,
  type TaskDefinition,
} from '../../define-task.ts';
import emailSend, { type EmailPayload, MAX_ATTACHMENT_BYTES } from './kind.ts';

/** Functions that the worker gives to the handler. They use the database and the modules for mail. */
export type EmailPorts = {
  sends: Sends;
  /** Loads the way to send mail: SES, or a server of SMTP. */
  openMailer: () => Promise<
    Mailer & { provider: string; compose: (message: Message) => Promise<ComposedMail> }
  >;
  unsubscribeUrl: (organizationId: string, address: string) => Promise<string>;
  /** Takes the organization's turn to write to a domain. @returns the seconds to wait, undefined when they are too many */
  turnWith: (organizationId: string, domain: string) => Promise<number | undefined>;
  /** Called with an error after which the mail is sent, but not recorded as sent. */
  logError: (message: string, error: unknown) => void;
};

/** Mails with attachments that are in memory at once. Each takes up to four times its attachments. */
const inMemory = turns(2);

/** Seconds until a mail that had no turn is tried again. */
const NO_TURN_SECONDS = 30;

type Job = {
  ports: EmailPorts;
  mailer: Awaited<ReturnType<EmailPorts['openMailer']>>;
  payload: EmailPayload;
  context: TaskContext;
};

/**
 * Makes the kind `email.send` on the given ports.
 *
 * A mail is sent at most once. The attempt records that it begins before it hands the mail over. An attempt that finds the record
 * of an earlier one does not send: it returns the recorded result, or it fails because nobody knows if the mail was sent.
 */
export function emailTask(ports: EmailPorts): TaskDefinition {
  return defineTask({
    ...emailSend,
    async run(payload, context): Promise<SentMail> {
      const mailer = await ports.openMailer();
      const job = { ports, mailer, payload, context };
      const prepared = await prepare(job);
      if (prepared.earlier) return earlierResult(job, prepared.earlier);
      if (payload.attachments.length === 0) return send(job, prepared, []);
      return inMemory('', context.signal, async () => send(job, prepared, await read(payload, context)));
    },
  }) as TaskDefinition;
}

async function prepare({ ports, mailer, payload, context }: Job): Promise<Prepared> {
  const { address: from } = mailboxOf(payload.from);
  const prepared = await ports.sends.prepare(context, {
    from,
    recipients: addressesOf(payload),
    provider: mailer.provider,
    recipientsPerSecond: await mailer.recipientsPerSecond(),
  });
  if (!prepared) throw notBegun('attempt_lost', context);
  if (prepared.earlier) return prepared;
  if (!prepared.isSender)
    throw new PermanentError('sender_not_verified', `This installation may not send mail from ${from}`);
  if (!prepared.hasTurn)
    throw new RetryError('mail_rate_reached', 'The provider takes no more mails at the moment', {
      afterSeconds: NO_TURN_SECONDS,
    });
  return prepared;
}

/** Returns the result of an earlier attempt. @throws PermanentError `delivery_unknown` when nobody knows it */
async function earlierResult(
  { ports, context: { taskId } }: Job,
  { status, attempt, result, begunAt }: NonNullable<Prepared['earlier']>,
): Promise<SentMail> {
  if (result) return result;
  if (status === 'begun') await ports.sends.recordUnknown({ taskId, attempt });
  throw deliveryUnknown(
    `Attempt ${attempt} began to send the mail at ${begunAt.toISOString()}, and did not end`,
  );
}

/** Reads the attachments. @throws PermanentError `attachments_too_large` */
async function read({ attachments }: EmailPayload, { artifacts }: TaskContext): Promise<Attachment[]> {
  const opened = await Promise.all(attachments.map(({ artifact }) => artifacts.open(artifact)));
  const bytes = opened.reduce((sum, each) => sum + each.bytes, 0);
  if (bytes > MAX_ATTACHMENT_BYTES) {
    throw new PermanentError(
      'attachments_too_large',
      `The attachments have ${bytes} bytes together, and may have ${MAX_ATTACHMENT_BYTES}`,
      { details: { bytes, limit: MAX_ATTACHMENT_BYTES } },
    );
  }
  const files: Attachment[] = [];
  for (const [at, { name, mediaType, content }] of opened.entries()) {
    const { name: given, content_id: contentId } = attachments[at] ?? {};
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    files.push({ name: given ?? name, mediaType, content: Buffer.concat(pieces), contentId });
  }
  return files;
}

async function send(job: Job, prepared: Prepared, attachments: readonly Attachment[]): Promise<SentMail> {
  const { ports, mailer, payload, context } = job;
  const message = await messageOf(job, prepared, attachments);
  const mail = await mailer.compose(message);
  context.progress(0.5, 'Composed');
  await awaitTurns(job, prepared, mail.recipients);
  context.signal.throwIfAborted();
  const why = await ports.sends.begin(context, mail.recipients.length);
  if (why !== undefined) throw notBegun(why, context);
  const { organizationId } = prepared;
  const answer = await mailer.send(mail, { organizationId, taskId: context.taskId });
  if (answer.kind !== 'sent') throw await notSent(job, answer);
  const result: SentMail = {
    message_id: answer.messageId,
    provider: mailer.provider,
    bytes: mail.raw.length,
    recipients: recipientsOf(payload, prepared, answer.refused),
  };
  // The provider has the mail. An error of the database must not send it again: without the record, a later attempt fails.
  await ports.sends
    .recordSent(context, result)
    .catch((error) => ports.logError('a mail was sent, but could not be recorded as sent', error));
  context.progress(1, 'Sent');
  return result;
}

/** Returns the message without its suppressed recipients. @throws PermanentError `recipient_suppressed` when none of `to` is left */
async function messageOf(
  { ports, payload, context }: Job,
  { organizationId, suppressed }: Prepared,
  attachments: readonly Attachment[],
): Promise<Message> {
  const isSuppressed = new Set(suppressed.map(({ address }) => address));
  const left = (given: EmailPayload['to']): Mailbox[] =>
    given.map(mailboxOf).filter(({ address }) => !isSuppressed.has(comparedAddress(address)));
  const to = left(payload.to);
  const [first] = to;
  if (!first) {
    throw new PermanentError(
      'recipient_suppressed',
      'Nothing was sent: the organization has suppressed every address in `to`',
      { details: { suppressed: suppressed.map(({ address, reason }) => ({ address, reason })) } },
    );
  }
  return {
    from: mailboxOf(payload.from),
    to,
    cc: left(payload.cc),
    bcc: left(payload.bcc),
    replyTo: payload.reply_to.map(mailboxOf),
    subject: payload.subject,
    text: payload.text,
    html: payload.html,
    headers: Object.fromEntries(
      Object.entries(payload.headers).map(([name, value]) => [allowedHeader(name) ?? name, value]),
    ),
    attachments,
    id: context.idempotencyKey,
    ...(payload.unsubscribe && { unsubscribeUrl: await ports.unsubscribeUrl(organizationId, first.address) }),
  };
}

/** Waits for the turn with the provider, and for the turns with the domains of the recipients. */
async function awaitTurns(
  { ports, context: { signal } }: Job,
  { organizationId, waitSeconds }: Prepared,
  recipients: readonly string[],
): Promise<void> {
  let longest = waitSeconds;
  for (const domain of new Set(recipients.map(domainOf))) {
    const seconds = await ports.turnWith(organizationId, domain);
    if (seconds === undefined)
      throw new RetryError('mail_rate_reached', `The organization sends too many mails to ${domain}`, {
        afterSeconds: NO_TURN_SECONDS,
      });
    longest = Math.max(longest, seconds);
  }
  if (longest > 0) await sleep(longest * 1_000, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** Records that a mail was not sent, or that nobody knows. @returns the error of the attempt */
async function notSent(
  { ports, context }: Job,
  answer: Exclude<SendAnswer, { kind: 'sent' }>,
): Promise<Error> {
  if (answer.kind === 'unknown') {
    await ports.sends.recordUnknown(context);
    return deliveryUnknown(answer.message);
  }
  await ports.sends.forget(context);
  const Failure = answer.isRetryable ? RetryError : PermanentError;
  return new Failure(answer.code, answer.message);
}

function notBegun(why: NotBegun, { signal }: TaskContext): Error {
  signal.throwIfAborted();
  switch (why) {
    case 'quota_reached':
      return new RetryError(
        'mail_quota_reached',
        'The organization has sent to the maximum number of recipients of a day. A day begins at 00:00 UTC',
        { afterSeconds: secondsUntilTomorrow() },
      );
    case 'begun_before':
      return deliveryUnknown('Another attempt has begun to send the mail');
    case 'attempt_lost':
      return new RetryError('attempt_lost', 'Another attempt runs the task, or a cancel was requested');
  }
}

function secondsUntilTomorrow(): number {
  const now = new Date();
  return (Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1) - now.getTime()) / 1_000;
}

const deliveryUnknown = (why: string) =>
  new PermanentError(
    'delivery_unknown',
    `The provider may have the mail, so it is not sent again: ${why}. Create another task to send it in any case`,
  );

const addressesOf = ({ to, cc, bcc }: EmailPayload): string[] =>
  [...to, ...cc, ...bcc].map((given) => mailboxOf(given).address);

/** Returns what happened to each recipient, in the order of the payload. */
function recipientsOf(
  payload: EmailPayload,
  { suppressed }: Prepared,
  refused: readonly { address: string; reason: string }[],
): SentMail['recipients'] {
  const bySuppression = new Map<string, string>(suppressed.map(({ address, reason }) => [address, reason]));
  const byRefusal = new Map(refused.map(({ address, reason }) => [comparedAddress(address), reason]));
  return addressesOf(payload).map((address) => {
    const suppression = bySuppression.get(comparedAddress(address));
    if (suppression !== undefined) return { address, status: 'suppressed', reason: suppression };
    const refusal = byRefusal.get(comparedAddress(address));
    return refusal === undefined
      ? { address, status: 'sent' }
      : { address, status: 'refused', reason: refusal };
  });
}
