import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { message } from '../../../functions/mail/testing/messages.ts';
import { compose } from '../../../functions/mail/transport/compose.ts';
import type { BusEvent } from '../eventbridge/event-rules.ts';
import { MAX_MAILS, type Mailbox, openMailbox } from './mailbox.ts';
import { mailboxApi } from './mailbox-api.ts';
import { ses } from './ses.ts';

const directories: string[] = [];
let directory: string;
let mailbox: Mailbox;
let events: { bus: string; event: BusEvent }[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'celeriac-mailbox-'));
  directories.push(directory);
  mailbox = await openMailbox(directory);
  events = [];
});
afterAll(() => Promise.all(directories.map((each) => rm(each, { recursive: true, force: true }))));

const emulator = () => ses({ mailbox, publish: (bus, event) => events.push({ bus, event }) });

async function send(given: Partial<Parameters<typeof message>[0]> = {}, organization = 'ours', more = {}) {
  const { from, recipients, raw } = await compose(message(given));
  const body = {
    FromEmailAddress: from,
    Destination: { ToAddresses: recipients },
    Content: { Raw: { Data: raw.toString('base64') } },
    ConfigurationSetName: 'celeriac-dev',
    EmailTags: [
      { Name: 'organization', Value: organization },
      { Name: 'task', Value: 'task-1' },
    ],
    ...more,
  };
  const answer = await emulator().answer('POST', '/v2/email/outbound-emails', JSON.stringify(body));
  return answer ?? { status: 0 };
}

describe('SES', () => {
  test('keeps a mail, and names it', async () => {
    const { status, body } = await send();
    expect([status, mailbox.list()]).toEqual([
      200,
      [
        expect.objectContaining({
          messageId: (body as { MessageId: string }).MessageId,
          recipients: ['ada@example.org'],
        }),
      ],
    ]);
  });

  test.each([
    ['no content', { Content: {} }],
    ['no recipients', { Destination: {} }],
    [
      '51 recipients',
      { Destination: { ToAddresses: Array.from({ length: 51 }, (_, at) => `r${at}@example.org`) } },
    ],
    ['an address that is not ASCII', { Destination: { ToAddresses: ['ada@bücher.example'] } }],
    ['no sender', { FromEmailAddress: '' }],
  ])('refuses a mail with %s', async (_, more) => {
    expect(await send({}, 'ours', more)).toMatchObject({
      status: 400,
      headers: { 'x-amzn-errortype': 'BadRequestException' },
    });
    expect(mailbox.list()).toEqual([]);
  });

  test('tells the rate of the account, and no path that it does not know', async () => {
    const answer = (method: string, path: string) => emulator().answer(method, path, '');
    expect(await answer('GET', '/v2/email/account')).toMatchObject({
      status: 200,
      body: { SendQuota: { MaxSendRate: 1_000 } },
    });
    expect(await answer('GET', '/v2/email/identities')).toMatchObject({ status: 400 });
    expect(answer('POST', '/')).toBeUndefined();
  });

  test('publishes what happens to mails to the addresses of the simulator', async () => {
    await send({
      to: [{ address: 'bounce@simulator.amazonses.com' }, { address: 'complaint@simulator.amazonses.com' }],
    });
    await send({ to: [{ address: 'success@simulator.amazonses.com' }] });
    expect(events.map(({ bus, event }) => `${bus}: ${event.source} ${event['detail-type']}`)).toEqual([
      'default: aws.ses Email Bounced',
      'default: aws.ses Email Complaint Received',
    ]);
    expect(events[0]?.event.detail).toMatchObject({
      mail: { tags: { organization: ['ours'], task: ['task-1'], 'ses:configuration-set': ['celeriac-dev'] } },
      bounce: { bounceType: 'Permanent' },
    });
  });
});

describe('the mailbox', () => {
  const keep = (raw: string, organization = 'ours') =>
    mailbox.keep(
      { messageId: 'm', from: 'a@example.com', recipients: ['b@example.org'], tags: { organization } },
      Buffer.from(raw),
    );

  test('is there again after a start, without what a crash left half written', async () => {
    const kept = await keep('Subject: one\r\n\r\n');
    await writeFile(join(directory, 'half.eml'), 'x');
    await writeFile(join(directory, 'half.part'), 'x');
    mailbox = await openMailbox(directory);
    expect(mailbox.list()).toEqual([kept]);
    expect((await mailbox.raw(kept.id))?.toString()).toBe('Subject: one\r\n\r\n');
    expect((await readdir(directory)).toSorted()).toEqual([`${kept.id}.eml`, `${kept.id}.json`]);
  });

  test(`keeps the newest ${MAX_MAILS} mails`, async () => {
    const first = await keep('first');
    for (let mail = 1; mail < MAX_MAILS; mail += 1) await keep(`${mail}`);
    expect([mailbox.list().length, mailbox.find(first.id)?.id]).toEqual([MAX_MAILS, first.id]);
    const last = await keep('last');
    expect([mailbox.list().length, mailbox.find(first.id), mailbox.list()[0]?.id]).toEqual([
      MAX_MAILS,
      undefined,
      last.id,
    ]);
    expect(await readdir(directory)).toHaveLength(2 * MAX_MAILS);
  });

  test('keeps 256 MiB', async () => {
    const size = 100 * 1024 ** 2;
    for (let mail = 0; mail < 3; mail += 1) await keep('x'.repeat(size));
    expect(mailbox.list()).toHaveLength(2);
  });
});

describe('GET /api/mailbox/', () => {
  const ask = async (url: string, method = 'GET', organizations = ['ours']) => {
    const answer = mailboxApi(mailbox, async () => new Set(organizations));
    const { status, headers, body } = await answer({
      url,
      method,
      headers: {},
      resume: () => {},
    } as unknown as IncomingMessage);
    const isJson = String(headers['content-type']).includes('json');
    return { status, headers, body: isJson ? JSON.parse(String(body)) : body };
  };

  test('lists mails, newest first, page by page', async () => {
    for (const subject of ['one', 'two', 'three']) await send({ subject });
    const first = (await ask('/api/mailbox/?limit=2')).body;
    expect(first.results.map(({ subject }: { subject: string }) => subject)).toEqual(['three', 'two']);
    expect(first.results[0]).toMatchObject({
      to: ['ada@example.org'],
      recipients: ['ada@example.org'],
      task: 'task-1',
    });
    const second = (await ask(`/api/mailbox?limit=2&cursor=${first.next_cursor}`)).body;
    expect([second.results.map(({ subject }: { subject: string }) => subject), second.next_cursor]).toEqual([
      ['one'],
      null,
    ]);
    for (const limit of ['0', '101', 'x', '1.5'])
      expect((await ask(`/api/mailbox/?limit=${limit}`)).status).toBe(400);
  });

  test('lists mails that arrived at once, each on one page', async () => {
    await Promise.all(
      Array.from({ length: 50 }, (_, at) => send({ subject: `${at}`, text: 'x'.repeat(at * 5_000) })),
    );
    const ids: string[] = [];
    for (let cursor: string | null = 'z'; cursor !== null; ) {
      const { body } = await ask(`/api/mailbox/?limit=7&cursor=${cursor}`);
      for (const { id } of body.results) ids.push(id);
      cursor = body.next_cursor;
    }
    expect([ids.length, new Set(ids).size]).toEqual([50, 50]);
  });

  test('reads one mail: its HTML is text in JSON, and the mail itself a download', async () => {
    await send({ subject: 'Grüße', text: 'Hello', html: '<script>alert(1)</script>' });
    const [{ id }] = (await ask('/api/mailbox/')).body.results;
    const one = await ask(`/api/mailbox/${id}/`);
    expect(one.headers['content-type']).toBe('application/json');
    expect(one.body).toMatchObject({ subject: 'Grüße', html: '<script>alert(1)</script>', attachments: [] });
    expect(one.body.text.trim()).toBe('Hello');
    const raw = await ask(`/api/mailbox/${id}/raw/`);
    expect(raw.headers).toMatchObject({
      'content-type': 'message/rfc822',
      'content-disposition': `attachment; filename="${id}.eml"`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    });
    expect(raw.body).toEqual(await mailbox.raw(id));
  });

  test('shows and removes only mails of the user’s organizations', async () => {
    await send({ subject: 'ours' });
    await send({ subject: 'theirs' }, 'theirs');
    const [{ id }] = (await ask('/api/mailbox/', 'GET', ['theirs'])).body.results;
    expect((await ask('/api/mailbox/')).body.results).toHaveLength(1);
    for (const path of [`/api/mailbox/${id}/`, `/api/mailbox/${id}/raw/`])
      expect((await ask(path)).status).toBe(404);
    expect((await ask('/api/mailbox/', 'DELETE')).status).toBe(204);
    expect(mailbox.list().map(({ tags }) => tags.organization)).toEqual(['theirs']);
  });

  test('refuses what it does not know', async () => {
    expect((await ask('/api/mailbox/none/')).status).toBe(404);
    expect((await ask('/api/mailbox/', 'POST')).status).toBe(405);
    const refused = { status: 401, headers: {}, body: 'no' };
    const answer = mailboxApi(mailbox, async () => refused);
    expect(
      await answer({ url: '/api/mailbox/', method: 'GET', headers: {}, resume: () => {} } as never),
    ).toBe(refused);
  });
});
