import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Runtime } from '../runtime.ts';
import { register, type User } from './client.ts';

const waitFor = { timeout: 60_000, interval: 50 };

/** Registers the tests of mail: sent by a task, found in the mailbox, reported by SES, and unsubscribed by its link. */
export function mailTests(running: () => Runtime): void {
  const create = (user: User, payload: Record<string, unknown>) =>
    user.create({
      name: 'Mail',
      kind: 'email.send',
      payload: {
        from: 'news@example.com',
        to: ['bob@example.org'],
        subject: 'Hello',
        text: 'Hello',
        ...payload,
      },
    });

  /** Sends a mail. @returns the task when it has ended */
  async function send(user: User, payload: Record<string, unknown> = {}) {
    const id = await create(user, payload);
    const status = async () => (await user.ask('GET', `/api/tasks/${id}/status/`)).body.status;
    await expect.poll(status, waitFor).toMatch(/COMPLETED|FAILED/);
    return (await user.ask('GET', `/api/tasks/${id}/`)).body;
  }

  const mails = async (user: User) => (await user.ask('GET', '/api/mailbox/')).body.results;

  async function upload(user: User, content: string): Promise<string> {
    const { body } = await user.ask('POST', '/api/artifacts/', {
      name: 'käse.csv',
      media_type: 'text/csv',
      bytes: Buffer.byteLength(content),
      sha256: createHash('sha256').update(content).digest('hex'),
    });
    const { method, url, headers } = body.upload;
    await fetch(url, { method, headers, body: content });
    await user.ask('POST', `/api/artifacts/${body.id}/complete/`);
    return body.id;
  }

  describe('a mail of a task', () => {
    test('is in the mailbox of its organization, with its attachment, and in no other', async () => {
      const [ada, eve] = [await register(running().url), await register(running().url)];
      const artifact = await upload(ada, 'a,b\n1,2\n');
      const { status, id, result } = await send(ada, {
        subject: 'Grüße',
        html: '<p>Hello</p>',
        cc: [{ address: 'carl@bücher.example', name: 'Carl' }],
        attachments: [{ artifact }],
      });
      expect([status, result.provider, result.recipients]).toEqual([
        'COMPLETED',
        'ses',
        [
          { address: 'bob@example.org', status: 'sent' },
          { address: 'carl@bücher.example', status: 'sent' },
        ],
      ]);
      const [mail, ...more] = await mails(ada);
      expect([mail, more]).toMatchObject([
        {
          message_id: result.message_id,
          task: id,
          subject: 'Grüße',
          from: 'news@example.com',
          recipients: ['bob@example.org', 'carl@xn--bcher-kva.example'],
        },
        [],
      ]);
      expect((await ada.ask('GET', `/api/mailbox/${mail.id}/`)).body).toMatchObject({
        html: '<p>Hello</p>',
        attachments: [{ name: 'käse.csv', media_type: 'text/csv', bytes: 8 }],
      });
      expect(await mails(eve)).toEqual([]);
      expect((await eve.ask('GET', `/api/mailbox/${mail.id}/`)).status).toBe(404);
      expect((await fetch(`${running().url}/api/mailbox/`)).status).toBe(401);
    });

    test('whose address does not exist suppresses it: the next mail is not sent', async () => {
      const ada = await register(running().url);
      const to = ['bounce@simulator.amazonses.com'];
      const { id, status } = await send(ada, { to });
      expect(status).toBe('COMPLETED');
      const suppression = async () => (await ada.ask('GET', `/api/suppressions/${to[0]}/`)).body;
      await expect.poll(suppression, waitFor).toMatchObject({ reason: 'bounce', task: id });
      const second = await send(ada, { to });
      expect([second.status, second.error.code, (await mails(ada)).length]).toEqual([
        'FAILED',
        'recipient_suppressed',
        1,
      ]);
    });

    test('can be unsubscribed from by its link alone', async () => {
      const ada = await register(running().url);
      await send(ada, { unsubscribe: true });
      const [{ id }] = await mails(ada);
      const { headers } = (await ada.ask('GET', `/api/mailbox/${id}/`)).body;
      const link = headers.flatMap((line: string) => /^List-Unsubscribe:\s*<(.*)>$/.exec(line)?.[1] ?? [])[0];
      expect(link).toMatch(new RegExp(`^${running().url}/api/unsubscribe/`));
      // A program that follows every link of a mail.
      expect((await fetch(link)).status).toBe(200);
      expect((await ada.ask('GET', '/api/suppressions/')).body.results).toEqual([]);
      const answer = await fetch(link, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: 'List-Unsubscribe=One-Click',
      });
      expect(answer.status).toBe(200);
      const { status, error } = await send(ada, { unsubscribe: true });
      expect([status, error.code, (await mails(ada)).length]).toEqual(['FAILED', 'recipient_suppressed', 1]);
    });
  });
}
