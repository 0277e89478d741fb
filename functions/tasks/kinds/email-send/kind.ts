import * as z from 'zod';
import { MailboxField } from '../../../mail/address.ts';
import { ALLOWED_HEADERS, allowedHeader, headerTextFault, MAX_HEADER_BYTES } from '../../../mail/headers.ts';
import { text } from '../../../text-rules.ts';
import { ArtifactName } from '../../artifacts/artifact.ts';
import { artifactId } from '../../artifacts/artifact-id.ts';
import { defineKind } from '../../define-task.ts';

/** Recipients of one message, as SES allows them. */
export const MAX_RECIPIENTS = 50;

export const MAX_REPLY_TO = 10;

/** Bytes of each of the two bodies. */
export const MAX_BODY_BYTES = 256 * 1024;

export const MAX_ATTACHMENTS = 20;

/** Bytes of all attachments together. They are a third longer in the mail, and many mailboxes take at most 10 MB. */
export const MAX_ATTACHMENT_BYTES = 7 * 1024 ** 2;

const HEADER_TEXT = { maxLength: MAX_HEADER_BYTES, format: 'name' } as const;

const headerText = () =>
  z
    .string()
    .max(MAX_HEADER_BYTES)
    .superRefine((value, issues) => {
      const fault = headerTextFault(value);
      if (fault !== undefined) issues.addIssue(fault);
    })
    .meta(HEADER_TEXT);

/** JSON Schema of the headers. Their names may have any case. */
const HEADERS = Object.fromEntries(
  ALLOWED_HEADERS.map((name) => [name, { type: 'string' as const, ...HEADER_TEXT }]),
);

const body = () =>
  text(MAX_BODY_BYTES)
    .min(1)
    .refine(
      (value) => Buffer.byteLength(value) <= MAX_BODY_BYTES,
      `Must have at most ${MAX_BODY_BYTES / 1024} KiB`,
    );

const attachment = z.strictObject({
  artifact: artifactId(),
  name: ArtifactName.optional().describe('Default: the name of the artifact'),
  content_id: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, 'Must have 1 to 100 letters, digits, dots, underscores and hyphens')
    .meta({ pattern: '^[A-Za-z0-9._-]{1,100}$' })
    .optional()
    .describe('For an image in `html`: `<img src="cid:…">`'),
});

const payload = z
  .strictObject({
    from: MailboxField,
    to: z.array(MailboxField).min(1).max(MAX_RECIPIENTS),
    cc: z.array(MailboxField).max(MAX_RECIPIENTS).default([]),
    bcc: z.array(MailboxField).max(MAX_RECIPIENTS).default([]).describe('They stand in no header'),
    reply_to: z.array(MailboxField).max(MAX_REPLY_TO).default([]),
    subject: headerText().min(1).meta({ minLength: 1 }),
    text: body().optional().describe('Default: the text of `html`'),
    html: body().optional(),
    headers: z
      .record(z.string().max(100), headerText())
      .meta({ properties: HEADERS, additionalProperties: false })
      .default({})
      .describe(`Further headers: ${ALLOWED_HEADERS.join(', ')}`),
    attachments: z.array(attachment).max(MAX_ATTACHMENTS).default([]),
    unsubscribe: z
      .boolean()
      .default(false)
      .describe('Adds the headers for unsubscribing with one click (RFC 8058). Only for one recipient'),
  })
  .superRefine((message, issues) => {
    const refuse = (path: PropertyKey[], fault: string) =>
      issues.addIssue({ code: 'custom', path, message: fault });
    const recipients = message.to.length + message.cc.length + message.bcc.length;
    if (recipients > MAX_RECIPIENTS)
      refuse(['to'], `A message has at most ${MAX_RECIPIENTS} recipients, with those in cc and bcc`);
    if (message.unsubscribe && recipients !== 1)
      refuse(['unsubscribe'], 'A message with a link for unsubscribing has exactly one recipient');
    if (message.text === undefined && message.html === undefined)
      refuse(['text'], 'A message needs text, html or both');
    const seen = new Set<string>();
    for (const name of Object.keys(message.headers)) {
      const usual = allowedHeader(name);
      if (usual === undefined) refuse(['headers', name], 'A message cannot set this header');
      else if (seen.has(usual)) refuse(['headers', name], 'Given twice, in different case');
      else seen.add(usual);
    }
    const contentIds = message.attachments.flatMap(({ content_id }) => content_id ?? []);
    if (contentIds.length > 0 && message.html === undefined)
      refuse(['attachments'], 'content_id is for messages with html');
    if (new Set(contentIds).size < contentIds.length)
      refuse(['attachments'], 'Each content_id must be different');
  })
  .meta({
    anyOf: [{ required: ['text'] }, { required: ['html'] }],
    // One mail, one link: it is the link of its recipient.
    if: { properties: { unsubscribe: { const: true } }, required: ['unsubscribe'] },
    // biome-ignore lint/suspicious/noThenProperty: A keyword of JSON Schema.
    then: { properties: { to: { maxItems: 1 }, cc: { maxItems: 0 }, bcc: { maxItems: 0 } } },
  });

export type EmailPayload = z.output<typeof payload>;

/** Sends one mail to up to fifty recipients. */
export default defineKind({
  kind: 'email.send',
  label: 'Email',
  description: 'Sends one mail to up to fifty recipients.',
  example: {
    from: { address: 'news@example.com', name: 'News' },
    to: ['ada@example.org'],
    subject: 'Hello',
    html: '<p>Hello <b>Ada</b></p>',
  },
  form: {
    from: { input: 'json' },
    to: { input: 'json' },
    cc: { input: 'json' },
    bcc: { input: 'json' },
    reply_to: { input: 'json' },
    text: { input: 'lines' },
    html: { input: 'lines' },
    headers: { input: 'json' },
    attachments: { input: 'json' },
  },
  payload,
  // Longer than the longest wait for a turn and the longest answer of a provider together.
  limits: { soft: '90s', hard: '140s' },
  retry: { maxRetries: 5, base: 5 },
  // It only waits for others, and few mails with attachments are in memory at once.
  runs: 'inline',
  waits: 'network',
  sender: 'from',
});
