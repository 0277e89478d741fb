import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Database } from '../../../database/connect.ts';
import {
  type DatabaseFixture,
  databaseFixture,
  type Member,
} from '../../../database/testing/database-fixture.ts';
import type { ComposedMail, Message, SendAnswer } from '../../../mail/message.ts';
import { mailSends } from '../../../mail/operations/sends.ts';
import { memoryTaskArtifacts } from '../../artifacts/testing/memory-task-artifacts.ts';
import { noArtifacts } from '../../artifacts/testing/no-artifacts.ts';
import type { TaskContext } from '../../define-task.ts';
import { NO_INPUTS } from '../../inputs/testing/no-inputs.ts';
import { force, insertTask } from '../../verification/fixtures.ts';
import { MAX_ATTACHMENT_BYTES } from './kind.ts';
import { type EmailPorts, emailTask } from './wired.ts';

const MAIL = { from: 'news@example.com', to: ['ada@example.org'], subject: 'Hello', text: 'Hello' };
const SENT = { kind: 'sent', messageId: 'm-1', refused: [] } as const;
const ARTIFACT = '0190a5b0-0000-7000-8000-000000000009';

let on: DatabaseFixture;
let ada: Member;
let db: Database;
beforeAll(async () => {
  on = await databaseFixture();
  db = on.as('worker');
});
afterAll(() => on.close());

/** The mails that the provider got, and its answers. */
let handedOver: { mail: ComposedMail; message: Message }[] = [];
let answer: (mail: ComposedMail) => Promise<SendAnswer>;
let ports: EmailPorts;
beforeEach(async () => {
  ada = await on.member();
  handedOver = [];
  answer = async () => SENT;
  await on.admin`insert into mail_senders values ('example.com') on conflict do nothing`;
  await on.admin`delete from mail_pace`;
  const messages = new WeakMap<ComposedMail, Message>();
  ports = {
    sends: mailSends(db),
    openMailer: async () => ({
      provider: 'ses',
      recipientsPerSecond: async () => undefined,
      async compose(message) {
        const recipients = [...message.to, ...message.cc, ...message.bcc].map(({ address }) => address);
        const mail = {
          from: message.from.address,
          recipients,
          raw: Buffer.from('raw'),
          messageId: '<m@example.com>',
        };
        messages.set(mail, message);
        return mail;
      },
      async send(mail) {
        const message = messages.get(mail);
        if (message) handedOver.push({ mail, message });
        return answer(mail);
      },
    }),
    unsubscribeUrl: async (_organizationId, address) =>
      `https://tasks.example.com/api/unsubscribe/${address}/`,
    turnWith: async () => 0,
    logError: () => {},
  };
});

/** Creates a running task of Ada's. */
async function running(): Promise<string> {
  const { id } = await insertTask(on.as('api'), ada, {
    kind: 'email.send',
    payload: MAIL,
    waitsForNetwork: true,
  });
  await force(on.admin, id, 'RUNNING');
  return id;
}

type Attempt = {
  id: string;
  attempt?: number;
  payload?: Record<string, unknown>;
  context?: Partial<TaskContext>;
};

const perform = ({ id, attempt = 1, payload = {}, context = {} }: Attempt) =>
  emailTask(ports).perform(
    { ...MAIL, ...payload },
    {
      signal: new AbortController().signal,
      taskId: id,
      attempt,
      idempotencyKey: id,
      deadline: new Date(Date.now() + 60_000),
      inputs: NO_INPUTS,
      fetch: () => Promise.reject(new Error('no network')),
      artifacts: noArtifacts() as never,
      progress: () => {},
      log: () => {},
      ...context,
    },
  );

/** Begins the next attempt of a task, as after a crash. */
async function nextAttempt(id: string, attempt = 2): Promise<Attempt> {
  await on.admin`update tasks set attempt = ${attempt}, status = 'RUNNING' where id = ${id}`;
  return { id, attempt };
}

const rowOf = async (id: string) => {
  const [row] = await on.admin`select status, attempt, result from mail_sends where task_id = ${id}`;
  return row && { ...row };
};

async function suppress(...addresses: string[]): Promise<void> {
  for (const address of addresses) {
    await on.admin`insert into suppressions (organization_id, address, reason) values (${ada.organizationId}, ${address}, 'bounce')`;
  }
}

test('the result names the provider’s id of the mail, and what happened to each recipient', async () => {
  const id = await running();
  await suppress('gone@example.org');
  answer = async () => ({ ...SENT, refused: [{ address: 'no@example.org', reason: '550 no' }] });
  const result = await perform({
    id,
    payload: { to: ['ada@example.org', 'Gone@Example.org'], cc: [{ address: 'no@example.org', name: 'No' }] },
  });
  const expected = {
    message_id: 'm-1',
    provider: 'ses',
    bytes: 3,
    recipients: [
      { address: 'ada@example.org', status: 'sent' },
      { address: 'Gone@Example.org', status: 'suppressed', reason: 'bounce' },
      { address: 'no@example.org', status: 'refused', reason: '550 no' },
    ],
  };
  expect(result).toEqual(expected);
  expect(handedOver.map(({ mail }) => mail.recipients)).toEqual([['ada@example.org', 'no@example.org']]);
  expect(await rowOf(id)).toEqual({ status: 'sent', attempt: 1, result: expected });
});

describe('a mail is handed over at most once:', () => {
  test('an attempt that dies after the mail was sent is followed by one that returns the same result', async () => {
    const id = await running();
    const first = await perform({ id });
    expect(await perform(await nextAttempt(id))).toEqual(first);
    expect(handedOver).toHaveLength(1);
  });

  test('an attempt that dies while it sends is followed by one that fails for good, as does every later one', async () => {
    const id = await running();
    let isHandedOver = () => {};
    const sending = new Promise<void>((resolve) => {
      isHandedOver = resolve;
    });
    answer = () => {
      isHandedOver();
      return new Promise<never>(() => {});
    };
    void perform({ id });
    await sending;
    expect(await rowOf(id)).toMatchObject({ status: 'begun', attempt: 1 });
    const unknown = { name: 'PermanentError', code: 'delivery_unknown' };
    await expect(perform(await nextAttempt(id))).rejects.toMatchObject(unknown);
    // A person retries the task.
    await expect(perform(await nextAttempt(id, 3))).rejects.toMatchObject(unknown);
    expect(handedOver).toHaveLength(1);
    expect(await rowOf(id)).toMatchObject({ status: 'unknown', attempt: 1 });
  });

  test('an attempt that was taken for dead, and sends after all, makes the truth known', async () => {
    const id = await running();
    let end: (value: SendAnswer) => void = () => {};
    let isHandedOver = () => {};
    const sending = new Promise<void>((resolve) => {
      isHandedOver = resolve;
    });
    answer = () => {
      isHandedOver();
      return new Promise((resolve) => {
        end = resolve;
      });
    };
    const first = perform({ id });
    await sending;
    await expect(perform(await nextAttempt(id))).rejects.toMatchObject({ code: 'delivery_unknown' });
    end(SENT);
    const result = await first;
    expect(await perform(await nextAttempt(id, 3))).toEqual(result);
    expect(handedOver).toHaveLength(1);
  });

  test('after an unknown end of the request, the task fails for good', async () => {
    const id = await running();
    answer = async () => ({ kind: 'unknown', message: 'socket hang up' });
    await expect(perform({ id })).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'delivery_unknown',
      message: expect.stringContaining('socket hang up'),
    });
    expect(await rowOf(id)).toMatchObject({ status: 'unknown' });
  });

  test('a mail that was sent stays sent when it cannot be recorded as sent, and is not sent again', async () => {
    const id = await running();
    const logged: string[] = [];
    ports = {
      ...ports,
      sends: { ...ports.sends, recordSent: () => Promise.reject(new Error('no database')) },
      logError: (message) => logged.push(message),
    };
    expect(await perform({ id })).toMatchObject({ message_id: 'm-1' });
    expect(logged).toEqual(['a mail was sent, but could not be recorded as sent']);
    await expect(perform(await nextAttempt(id))).rejects.toMatchObject({ code: 'delivery_unknown' });
    expect(handedOver).toHaveLength(1);
  });

  test('two attempts at once hand it over once', async () => {
    const id = await running();
    const other = mailSends(on.as('worker'));
    const results = await Promise.allSettled([
      perform({ id }),
      emailTask({ ...ports, sends: other }).perform(MAIL, {
        taskId: id,
        attempt: 2,
        signal: new AbortController().signal,
        idempotencyKey: id,
        progress: () => {},
      } as never),
    ]);
    expect(handedOver).toHaveLength(1);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});

describe('a mail that the provider has refused', () => {
  test('for now is sent by the next attempt', async () => {
    const id = await running();
    answer = async () => ({
      kind: 'refused',
      code: 'mail_provider_busy',
      message: 'slow down',
      isRetryable: true,
    });
    await expect(perform({ id })).rejects.toMatchObject({ name: 'RetryError', code: 'mail_provider_busy' });
    expect(await rowOf(id)).toBeUndefined();
    answer = async () => SENT;
    expect(await perform(await nextAttempt(id))).toMatchObject({ message_id: 'm-1' });
  });

  test('for good fails the task, and a person may retry it', async () => {
    const id = await running();
    answer = async () => ({
      kind: 'refused',
      code: 'mail_refused',
      message: 'not verified',
      isRetryable: false,
    });
    await expect(perform({ id })).rejects.toMatchObject({ name: 'PermanentError', code: 'mail_refused' });
    answer = async () => SENT;
    expect(await perform(await nextAttempt(id))).toMatchObject({ message_id: 'm-1' });
  });
});

describe('nothing is sent', () => {
  test('to a suppressed address, and the task says so', async () => {
    const id = await running();
    await suppress('ada@example.org');
    await expect(perform({ id, payload: { cc: ['other@example.org'] } })).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'recipient_suppressed',
      details: { suppressed: [{ address: 'ada@example.org', reason: 'bounce' }] },
    });
    expect([handedOver, await rowOf(id)]).toEqual([[], undefined]);
  });

  test('to an address that another organization has suppressed, but by that organization', async () => {
    const id = await running();
    const eve = await on.member();
    await on.admin`insert into suppressions (organization_id, address, reason) values (${eve.organizationId}, 'ada@example.org', 'manual')`;
    await perform({ id });
    expect(handedOver).toHaveLength(1);
  });

  test('from an address that is not a sender any more', async () => {
    const id = await running();
    await on.admin`delete from mail_senders`;
    await expect(perform({ id })).rejects.toMatchObject({
      name: 'PermanentError',
      code: 'sender_not_verified',
    });
    expect(handedOver).toEqual([]);
  });

  test('from a subdomain of a sender', async () => {
    const id = await running();
    await expect(perform({ id, payload: { from: 'a@sub.example.com' } })).rejects.toMatchObject({
      code: 'sender_not_verified',
    });
  });

  test('after a cancel, and by an attempt that has lost the task', async () => {
    const id = await running();
    await on.admin`update tasks set cancel_requested_at = now() where id = ${id}`;
    await expect(perform({ id })).rejects.toMatchObject({ code: 'attempt_lost' });
    const other = await running();
    await expect(perform({ id: other, attempt: 2 })).rejects.toMatchObject({ code: 'attempt_lost' });
    expect(handedOver).toEqual([]);
  });

  test('beyond the organization’s recipients of a day, until the day is over', async () => {
    await on.admin`update quotas set value = 3 where name = 'mail_recipients_per_day'`;
    try {
      await perform({ id: await running(), payload: { cc: ['b@example.org', 'c@example.org'] } });
      const id = await running();
      const refused = await perform({ id }).catch((error) => error);
      expect(refused).toMatchObject({ name: 'RetryError', code: 'mail_quota_reached' });
      expect(refused.afterSeconds).toBeGreaterThan(0);
      expect(refused.afterSeconds).toBeLessThanOrEqual(86_400);
      expect(handedOver).toHaveLength(1);
      await on.admin`update mail_usage set day = day - 1`;
      await perform(await nextAttempt(id));
      expect(handedOver).toHaveLength(2);
    } finally {
      await on.admin`update quotas set value = 2000 where name = 'mail_recipients_per_day'`;
    }
  });
});

describe('the rate of the provider', () => {
  const withRate = (recipientsPerSecond: number): void => {
    const { openMailer } = ports;
    ports = {
      ...ports,
      openMailer: async () => ({
        ...(await openMailer()),
        recipientsPerSecond: async () => recipientsPerSecond,
      }),
    };
  };

  test('holds for all workers together', async () => {
    withRate(10);
    const at: number[] = [];
    answer = async () => {
      at.push(performance.now());
      return SENT;
    };
    const ids = await Promise.all(Array.from({ length: 6 }, running));
    const otherWorker = { ...ports, sends: mailSends(on.as('worker')) };
    const began = performance.now();
    await Promise.all(
      ids.map((id, place) =>
        emailTask(place % 2 ? ports : otherWorker).perform(MAIL, {
          taskId: id,
          attempt: 1,
          signal: new AbortController().signal,
          idempotencyKey: id,
          progress: () => {},
        } as never),
      ),
    );
    // The sixth mail waits for five turns of a tenth of a second.
    expect(Math.max(...at) - began).toBeGreaterThan(450);
  });

  test('makes a mail wait for another attempt rather than too long', async () => {
    withRate(1);
    await on.admin`insert into mail_pace values ('ses', now() + interval '1 hour')`;
    const id = await running();
    await expect(perform({ id })).rejects.toMatchObject({ name: 'RetryError', code: 'mail_rate_reached' });
    const [pace] =
      await on.admin`select next_at < now() + interval '3601 seconds' as unchanged from mail_pace`;
    expect([handedOver, pace?.unchanged]).toEqual([[], true]);
  });

  test('is not waited for after a cancel', async () => {
    withRate(1);
    await on.admin`insert into mail_pace values ('ses', now() + interval '20 seconds')`;
    const id = await running();
    const cancel = new AbortController();
    const ending = perform({ id, context: { signal: cancel.signal } }).catch((error) => error);
    await expect
      .poll(
        async () =>
          (await on.admin`select next_at > now() + interval '20 seconds' as taken from mail_pace`)[0]?.taken,
      )
      .toBe(true);
    const reason = new Error('cancelled');
    cancel.abort(reason);
    expect([await ending, handedOver]).toEqual([reason, []]);
  });
});

test('a turn is taken with the domain of each recipient', async () => {
  const asked: string[][] = [];
  ports = {
    ...ports,
    turnWith: async (...given) => {
      asked.push(given);
      return 0;
    },
  };
  await perform({ id: await running(), payload: { cc: ['b@Example.org', 'c@bücher.example'] } });
  expect(asked).toEqual([
    [ada.organizationId, 'example.org'],
    [ada.organizationId, 'xn--bcher-kva.example'],
  ]);
  ports = { ...ports, turnWith: async () => undefined };
  await expect(perform({ id: await running() })).rejects.toMatchObject({ code: 'mail_rate_reached' });
});

test('a link for unsubscribing is for the one recipient', async () => {
  await perform({ id: await running(), payload: { unsubscribe: true } });
  expect(handedOver[0]?.message.unsubscribeUrl).toBe(
    'https://tasks.example.com/api/unsubscribe/ada@example.org/',
  );
});

describe('attachments', () => {
  const file = (bytes: number) => ({
    name: 'file.csv',
    mediaType: 'text/csv',
    content: Buffer.alloc(bytes, 'x'),
  });

  test('are the artifacts, under their own names or others', async () => {
    const artifacts = memoryTaskArtifacts({ [ARTIFACT]: file(3) });
    const attachments = [{ artifact: ARTIFACT }, { artifact: ARTIFACT, name: 'other.csv' }];
    await perform({ id: await running(), payload: { attachments }, context: { artifacts } });
    expect(handedOver[0]?.message.attachments).toEqual([
      { name: 'file.csv', mediaType: 'text/csv', content: Buffer.from('xxx'), contentId: undefined },
      { name: 'other.csv', mediaType: 'text/csv', content: Buffer.from('xxx'), contentId: undefined },
    ]);
  });

  test('have at most 7 MiB together', async () => {
    const attachments = [{ artifact: ARTIFACT }];
    const of = (bytes: number) => ({ artifacts: memoryTaskArtifacts({ [ARTIFACT]: file(bytes) }) });
    await perform({ id: await running(), payload: { attachments }, context: of(MAX_ATTACHMENT_BYTES) });
    await expect(
      perform({ id: await running(), payload: { attachments }, context: of(MAX_ATTACHMENT_BYTES + 1) }),
    ).rejects.toMatchObject({ code: 'attachments_too_large', details: { limit: MAX_ATTACHMENT_BYTES } });
  });

  test('are in memory for two mails at once', async () => {
    let atOnce = 0;
    let most = 0;
    answer = async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await sleep(20);
      atOnce -= 1;
      return SENT;
    };
    const payload = { attachments: [{ artifact: ARTIFACT }] };
    const ids = await Promise.all(Array.from({ length: 6 }, running));
    await Promise.all(
      ids.map((id) =>
        perform({ id, payload, context: { artifacts: memoryTaskArtifacts({ [ARTIFACT]: file(1) }) } }),
      ),
    );
    expect([handedOver.length, most]).toEqual([6, 2]);
  });
});
