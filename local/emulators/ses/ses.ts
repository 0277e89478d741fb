import { randomUUID } from 'node:crypto';
import { ACCOUNT, REGION } from '../../template/physical.ts';
import { type BusEvent, eventTime } from '../eventbridge/event-rules.ts';
import type { Mailbox } from './mailbox.ts';

type Answer = { status: number; body?: unknown; headers?: Record<string, string> };

interface Tag {
  Name: string;
  Value: string;
}

interface SendEmail {
  FromEmailAddress?: string;
  Destination?: { ToAddresses?: string[]; CcAddresses?: string[]; BccAddresses?: string[] };
  Content?: { Raw?: { Data?: string } };
  ConfigurationSetName?: string;
  EmailTags?: Tag[];
}

/** Recipients that one mail may have. */
const MAX_RECIPIENTS = 50;

/** Bytes of a mail that SES takes. */
const MAX_BYTES = 40 * 1024 ** 2;

/** The rate that the emulated account has. */
const QUOTA = { Max24HourSend: 1_000_000, MaxSendRate: 1_000, SentLast24Hours: 0 };

/**
 * Addresses of SES's simulator, each with the report that it causes.
 *
 * @see https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
 */
const SIMULATED: Record<string, (address: string) => { type: string; detail: Record<string, unknown> }> = {
  'bounce@simulator.amazonses.com': (emailAddress) => ({
    type: 'Email Bounced',
    detail: {
      eventType: 'Bounce',
      bounce: {
        bounceType: 'Permanent',
        bounceSubType: 'General',
        bouncedRecipients: [
          { emailAddress, status: '5.1.1', diagnosticCode: 'smtp; 550 5.1.1 user unknown' },
        ],
      },
    },
  }),
  'complaint@simulator.amazonses.com': (emailAddress) => ({
    type: 'Email Complaint Received',
    detail: {
      eventType: 'Complaint',
      complaint: { complaintFeedbackType: 'abuse', complainedRecipients: [{ emailAddress }] },
    },
  }),
};

export interface Ses {
  /** Answers a request of the SES v2 API. @returns undefined for a path of another service */
  answer(method: string | undefined, path: string, body: string): Promise<Answer> | undefined;
}

/**
 * Emulates SES: keeps each mail in the mailbox instead of delivering it, and publishes the reports of the simulator's addresses.
 *
 * @see https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
 */
export function ses({
  mailbox,
  publish,
}: {
  mailbox: Pick<Mailbox, 'keep'>;
  publish: (bus: string, event: BusEvent) => void;
}): Ses {
  async function sendEmail(input: SendEmail): Promise<Answer> {
    const {
      FromEmailAddress: from = '',
      Destination = {},
      EmailTags = [],
      ConfigurationSetName = '',
    } = input;
    const { ToAddresses = [], CcAddresses = [], BccAddresses = [] } = Destination;
    const recipients = [...ToAddresses, ...CcAddresses, ...BccAddresses];
    const raw = Buffer.from(input.Content?.Raw?.Data ?? '', 'base64');
    if (raw.length === 0) return refusal('BadRequestException', 'Content.Raw.Data is required');
    if (raw.length > MAX_BYTES) return refusal('BadRequestException', 'The message is too large');
    if (recipients.length < 1 || recipients.length > MAX_RECIPIENTS) {
      return refusal('BadRequestException', `Recipient count must be 1 to ${MAX_RECIPIENTS}`);
    }
    const notAscii = [from, ...recipients].find((address) => !/^[\x21-\x7e]+@[\x21-\x7e]+$/.test(address));
    if (notAscii !== undefined) return refusal('BadRequestException', `Illegal address: ${notAscii}`);
    const tags = Object.fromEntries(EmailTags.map(({ Name, Value }) => [Name, Value]));
    const messageId = randomUUID();
    await mailbox.keep({ messageId, from, recipients, tags }, raw);
    for (const address of recipients) {
      const report = SIMULATED[address.toLowerCase()]?.(address);
      if (report) publish('default', reportEvent(report, { messageId, from, tags, ConfigurationSetName }));
    }
    return { status: 200, body: { MessageId: messageId } };
  }

  return {
    answer(method, path, body) {
      if (!path.startsWith('/v2/email/')) return undefined;
      if (method === 'POST' && path === '/v2/email/outbound-emails') return sendEmail(JSON.parse(body));
      if (method === 'GET' && path === '/v2/email/account') {
        return Promise.resolve({ status: 200, body: { SendingEnabled: true, SendQuota: QUOTA } });
      }
      return Promise.resolve(
        refusal('NotFoundException', `the local runtime does not know ${method} ${path}`),
      );
    },
  };
}

function reportEvent(
  { type, detail }: { type: string; detail: Record<string, unknown> },
  mail: { messageId: string; from: string; tags: Record<string, string>; ConfigurationSetName: string },
): BusEvent {
  const set = mail.ConfigurationSetName;
  const tags = { ...mail.tags, 'ses:configuration-set': set };
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': type,
    source: 'aws.ses',
    account: ACCOUNT,
    time: eventTime(new Date()),
    region: REGION,
    resources: [`arn:aws:ses:${REGION}:${ACCOUNT}:configuration-set/${set}`],
    detail: {
      ...detail,
      mail: {
        messageId: mail.messageId,
        source: mail.from,
        tags: Object.fromEntries(Object.entries(tags).map(([name, value]) => [name, [value]])),
      },
    },
  };
}

function refusal(type: string, message: string): Answer {
  return { status: 400, body: { message }, headers: { 'x-amzn-errortype': type } };
}
