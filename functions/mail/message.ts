import type { Mailbox } from './address.ts';

/** A file of a message. */
export type Attachment = {
  readonly name: string;
  readonly mediaType: string;
  readonly content: Buffer;
  /** The HTML shows the file as `<img src="cid:…">`. */
  readonly contentId?: string | undefined;
};

/** A message as people think of it. */
export type Message = {
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  /** These addresses get the message, and stand in no header. */
  readonly bcc: readonly Mailbox[];
  readonly replyTo: readonly Mailbox[];
  readonly subject: string;
  readonly text?: string | undefined;
  readonly html?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly attachments: readonly Attachment[];
  /** Becomes the first part of `Message-ID`. Equal for every attempt of a task. */
  readonly id: string;
  /** An address that takes a POST of the receiver's mail program (RFC 8058). */
  readonly unsubscribeUrl?: string | undefined;
};

/** A message in MIME, with its envelope. */
export type ComposedMail = {
  /** Addresses in ASCII. */
  readonly from: string;
  readonly recipients: readonly string[];
  readonly raw: Buffer;
  readonly messageId: string;
};

/** The task that sends a mail. The provider's reports about the mail name it. */
export type MailOrigin = { readonly organizationId: string; readonly taskId: string };

/** Names of the provider's tags that carry `MailOrigin`. */
export const ORIGIN_TAGS = { organizationId: 'organization', taskId: 'task' } as const;

/** A provider's answer to a mail. */
export type SendAnswer =
  /** It has the mail, and delivers it to all recipients except the refused ones. */
  | {
      readonly kind: 'sent';
      /** The name by which the provider knows the mail. */
      readonly messageId: string;
      readonly refused: readonly { readonly address: string; readonly reason: string }[];
    }
  /** It does not have the mail. */
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly message: string;
      /** True when another attempt may succeed. */
      readonly isRetryable: boolean;
    }
  /** It may have the mail: the connection was lost, or its answer did not come in time. */
  | { readonly kind: 'unknown'; readonly message: string };

/** Hands a mail to a provider, once. Never rejects. */
export type Transport = (mail: ComposedMail, origin: MailOrigin) => Promise<SendAnswer>;

/** A way to send mail. */
export type Mailer = {
  readonly send: Transport;
  /** Recipients per second that the provider takes; undefined when it names no rate. */
  readonly recipientsPerSecond: () => Promise<number | undefined>;
};
