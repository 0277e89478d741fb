import { convert } from 'html-to-text';
import MailComposer from 'nodemailer/lib/mail-composer';
import { asciiAddress, domainOf, type Mailbox } from '../address.ts';
import type { ComposedMail, Message } from '../message.ts';

/** Elements of HTML that stand inside each other. Deeper ones are left out of the derived text. */
const MAX_DEPTH = 100;

/** Composes a message in MIME (RFC 5322, 2045 to 2047). */
export async function compose(message: Message): Promise<ComposedMail> {
  const { from, to, cc, bcc, html } = message;
  const text = message.text ?? textOf(html ?? '');
  const node = new MailComposer({
    from: headerAddress(from),
    to: to.map(headerAddress),
    cc: cc.map(headerAddress),
    replyTo: message.replyTo.map(headerAddress),
    subject: message.subject,
    text,
    ...(html !== undefined && { html }),
    messageId: `<${message.id}@${domainOf(from.address)}>`,
    headers: { ...message.headers, ...unsubscribeHeaders(message) },
    attachments: message.attachments.map(({ name, mediaType, content, contentId }) => ({
      filename: name,
      contentType: mediaType,
      content,
      contentDisposition: contentId === undefined ? 'attachment' : 'inline',
      ...(contentId !== undefined && { cid: contentId }),
    })),
    // Content comes from this message alone.
    disableFileAccess: true,
    disableUrlAccess: true,
    newline: 'win',
  }).compile();
  const recipients = [...to, ...cc, ...bcc].map(({ address }) => asciiAddress(address));
  return {
    from: asciiAddress(from.address),
    recipients: [...new Set(recipients)],
    raw: await node.build(),
    messageId: node.messageId(),
  };
}

/** Returns the text of HTML, for receivers that show no HTML. */
export function textOf(html: string): string {
  return convert(html, {
    wordwrap: false,
    limits: { maxDepth: MAX_DEPTH },
    selectors: [
      { selector: 'img', format: 'skip' },
      { selector: 'a', options: { hideLinkHrefIfSameAsText: true, ignoreHref: false } },
    ],
  });
}

const headerAddress = ({ address, name = '' }: Mailbox) => ({ name, address: asciiAddress(address) });

/** Returns the headers by which a mail program offers to unsubscribe with one click (RFC 8058). */
function unsubscribeHeaders({ unsubscribeUrl }: Message): Record<string, string> {
  if (unsubscribeUrl === undefined) return {};
  return {
    'List-Unsubscribe': `<${unsubscribeUrl}>`,
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  };
}
