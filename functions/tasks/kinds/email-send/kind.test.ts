import { describe, expect, test } from 'vitest';
import { ALLOWED_HEADERS, MAX_HEADER_BYTES } from '../../../mail/headers.ts';
import emailSend, { MAX_ATTACHMENTS, MAX_BODY_BYTES, MAX_RECIPIENTS, MAX_REPLY_TO } from './kind.ts';

const MAIL = { from: 'news@example.com', to: ['ada@example.org'], subject: 'Hello', text: 'Hello' };
const ARTIFACT = '0190a5b0-0000-7000-8000-000000000009';
const many = (count: number) => Array.from({ length: count }, (_, at) => `r${at}@example.org`);

/** Returns the pointers and messages of what the schema refuses. */
function faultsOf(given: Record<string, unknown>): string[] {
  const { error } = emailSend.payload.safeParse({ ...MAIL, ...given });
  return (error?.issues ?? []).map(({ path, message }) => `/${path.join('/')}: ${message}`);
}

describe('accepted at its limit, and refused beyond it:', () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    [
      'recipients',
      { to: many(MAX_RECIPIENTS) },
      { to: many(MAX_RECIPIENTS), cc: ['a@b.example'] },
      '/to: A message has at most 50 recipients',
    ],
    ['reply_to', { reply_to: many(MAX_REPLY_TO) }, { reply_to: many(MAX_REPLY_TO + 1) }, '/reply_to: '],
    [
      'subject in bytes',
      { subject: 'ü'.repeat(MAX_HEADER_BYTES / 2) },
      { subject: `${'ü'.repeat(MAX_HEADER_BYTES / 2)}a` },
      '/subject: Must have at most 900 bytes',
    ],
    [
      'text in bytes',
      { text: '漢'.repeat(Math.floor(MAX_BODY_BYTES / 3)) },
      { text: '漢'.repeat(Math.floor(MAX_BODY_BYTES / 3) + 1) },
      '/text: Must have at most 256 KiB',
    ],
    [
      'html in bytes',
      { html: 'a'.repeat(MAX_BODY_BYTES) },
      { html: 'a'.repeat(MAX_BODY_BYTES + 1) },
      '/html: Must have at most',
    ],
    [
      'a header in bytes',
      { headers: { Comments: 'a'.repeat(900) } },
      { headers: { Comments: 'a'.repeat(901) } },
      '/headers/Comments: ',
    ],
    [
      'a name',
      { from: { address: 'a@b.example', name: 'n'.repeat(200) } },
      { from: { address: 'a@b.example', name: 'n'.repeat(201) } },
      '/from',
    ],
    [
      'attachments',
      { attachments: Array.from({ length: MAX_ATTACHMENTS }, () => ({ artifact: ARTIFACT })) },
      { attachments: Array.from({ length: MAX_ATTACHMENTS + 1 }, () => ({ artifact: ARTIFACT })) },
      '/attachments: ',
    ],
  ])('%s', (_, within, beyond, fault) => {
    expect(faultsOf(within)).toEqual([]);
    expect(faultsOf(beyond).join('\n')).toContain(fault);
  });
});

test.each<[string, Record<string, unknown>, string]>([
  ['without a body', { text: undefined }, '/text: A message needs text, html or both'],
  ['with an empty body', { text: '' }, '/text: '],
  ['without recipients', { to: [] }, '/to: '],
  ['with an empty subject', { subject: '' }, '/subject: '],
  ['with a subject of two lines', { subject: 'Hello\r\nBcc: eve@example.com' }, '/subject: Must be one line'],
  [
    'with a subject of two lines of Unicode',
    { subject: 'Hello\u2028Bcc: eve@example.com' },
    '/subject: Must be one line',
  ],
  [
    'with a name that is an encoded word',
    { from: { address: 'a@b.example', name: '=?utf-8?Q?Bank?=' } },
    '/from',
  ],
  ['with a name of two lines', { from: { address: 'a@b.example', name: 'A\nBcc: x' } }, '/from'],
  [
    'with a header of two lines',
    { headers: { Comments: 'x\nBcc: eve@example.com' } },
    '/headers/Comments: Must be one line',
  ],
  ['with an address that hides a second one', { to: ['a@b.example,eve@example.com'] }, '/to/0'],
  [
    'with a header twice in different case',
    { headers: { comments: 'a', Comments: 'b' } },
    '/headers/Comments: Given twice',
  ],
  [
    'with a link for unsubscribing and two recipients',
    { unsubscribe: true, bcc: ['b@b.example'] },
    '/unsubscribe: ',
  ],
  [
    'with an image but no HTML',
    { attachments: [{ artifact: ARTIFACT, content_id: 'a' }] },
    '/attachments: content_id is for',
  ],
  [
    'with two images of one name',
    { html: '<p>', attachments: [1, 2].map(() => ({ artifact: ARTIFACT, content_id: 'a' })) },
    '/attachments: Each content_id',
  ],
  ['with a field that there is not', { priority: 'high' }, 'Unknown field'],
])('a message %s is refused', (_, given, fault) => {
  expect(faultsOf(given).join('\n')).toContain(fault);
});

test.each([
  ...['Bcc', 'bcc', 'From', 'To', 'Subject', 'Date', 'Message-ID', 'Content-Type', 'MIME-Version', 'Sender'],
  ...[
    'Return-Path',
    'Received',
    'DKIM-Signature',
    'List-Unsubscribe',
    'X-SES-MESSAGE-TAGS',
    'X-SES-CONFIGURATION-SET',
  ],
  ...['X-SES-SOURCE-ARN', 'X-Anything', 'Subject:', 'Comments\r\nBcc', 'Comments ', ''],
])('the header %j cannot be set', (name) => {
  expect(faultsOf({ headers: { [name]: 'x' } }).join('\n')).toContain('A message cannot set this header');
});

test('every allowed header can be set, in any case', () => {
  for (const name of ALLOWED_HEADERS) {
    expect(faultsOf({ headers: { [name]: 'x' } })).toEqual([]);
    expect(faultsOf({ headers: { [name.toUpperCase()]: 'x' } })).toEqual([]);
  }
});

test('a payload that was accepted is accepted again, unchanged', () => {
  const once = emailSend.payload.parse({
    ...MAIL,
    from: { address: 'News@Example.com', name: 'News' },
    headers: { 'list-id': 'a' },
    attachments: [{ artifact: ARTIFACT.toUpperCase() }],
  });
  expect(emailSend.payload.parse(once)).toEqual(once);
});
