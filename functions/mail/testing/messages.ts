import type { Message } from '../message.ts';

/** Returns a message to one recipient. */
export const message = (given: Partial<Message> = {}): Message => ({
  from: { address: 'news@example.com' },
  to: [{ address: 'ada@example.org' }],
  cc: [],
  bcc: [],
  replyTo: [],
  subject: 'Hello',
  text: 'Hello Ada',
  headers: {},
  attachments: [],
  id: '0190a5b0-0000-7000-8000-000000000001',
  ...given,
});
