import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DatabaseFixture, databaseFixture } from '../../../database/testing/database-fixture.ts';
import { MAX_ADDED } from '../../../mail/operations/suppressions.ts';
import { unsubscribeUrl } from '../../../mail/operations/unsubscribe.ts';
import { apiFunction, type Client } from '../../testing/api-function.ts';

let on: DatabaseFixture;
let api: ReturnType<typeof apiFunction>;
let ada: Client;

beforeAll(async () => {
  on = await databaseFixture();
  api = apiFunction(on);
});
beforeEach(async () => {
  ada = await api.register();
});
afterAll(() => on.close());

const suppress = (client: Client, ...addresses: string[]) =>
  client.ask('POST', '/api/suppressions/', { addresses });
const listed = async (client: Client, query = '') => {
  const { body } = await client.ask('GET', `/api/suppressions/${query}`);
  return body.results.map(({ address }: { address: string }) => address);
};
const inUse = async ({ organizationId }: Client) => {
  const [row] =
    await on.admin`select suppressions from suppression_usage where organization_id = ${organizationId}`;
  return row?.suppressions ?? 0;
};

describe('the addresses that get no mail', () => {
  test('are added, listed by address page by page, read, and removed', async () => {
    const { status, body } = await suppress(ada, 'Zoe@Bücher.example', 'bob@example.org', 'bob@EXAMPLE.org');
    expect(status).toBe(200);
    expect(body.results).toEqual([
      expect.objectContaining({
        address: 'bob@example.org',
        reason: 'manual',
        created_by: ada.userId,
        task: null,
      }),
      expect.objectContaining({ address: 'zoe@xn--bcher-kva.example' }),
    ]);
    expect(await inUse(ada)).toBe(2);
    const first = await ada.ask('GET', '/api/suppressions/?limit=1');
    expect(first.body.next_cursor).toBe('bob@example.org');
    expect(await listed(ada, `?limit=1&cursor=${first.body.next_cursor}`)).toEqual([
      'zoe@xn--bcher-kva.example',
    ]);
    expect((await ada.ask('GET', '/api/suppressions/ZOE@bücher.example/')).body.address).toBe(
      'zoe@xn--bcher-kva.example',
    );
    expect((await ada.ask('DELETE', '/api/suppressions/bob@example.org/')).status).toBe(204);
    expect([await listed(ada), await inUse(ada)]).toEqual([['zoe@xn--bcher-kva.example'], 1]);
    for (const method of ['GET', 'DELETE']) {
      const gone = await ada.ask(method, '/api/suppressions/bob@example.org/');
      expect([gone.status, gone.body.code]).toEqual([404, 'suppression_not_found']);
    }
  });

  test('keep their first reason when they are added again', async () => {
    await on.admin`
      insert into suppressions (organization_id, address, reason, detail) values (${ada.organizationId}, 'bob@example.org', 'bounce', '550')`;
    const { body } = await suppress(ada, 'bob@example.org');
    expect(body.results).toEqual([expect.objectContaining({ reason: 'bounce', detail: '550' })]);
    expect(await inUse(ada)).toBe(0);
  });

  test('belong to an organization: others neither see nor change them', async () => {
    await suppress(ada, 'bob@example.org');
    const eve = await api.register();
    const query = `?organization=${ada.organizationId}`;
    expect(await listed(eve)).toEqual([]);
    for (const [method, path, body] of [
      ['GET', `/api/suppressions/${query}`],
      ['GET', `/api/suppressions/bob@example.org/${query}`],
      ['DELETE', `/api/suppressions/bob@example.org/${query}`],
      ['POST', '/api/suppressions/', { addresses: ['x@example.org'], organization: ada.organizationId }],
    ] as const) {
      const { status, body: answer } = await eve.ask(method, path, body);
      expect([status, answer.code]).toEqual([404, 'organization_not_found']);
    }
    expect((await eve.ask('DELETE', '/api/suppressions/bob@example.org/')).body.code).toBe(
      'suppression_not_found',
    );
    expect(await listed(ada)).toEqual(['bob@example.org']);
  });

  test('are read, but not changed, by a viewer', async () => {
    const { body: home } = await ada.ask('POST', '/api/organizations/', { name: 'Shared' });
    await ada.ask('POST', '/api/suppressions/', { addresses: ['bob@example.org'], organization: home.id });
    const val = await api.register();
    await on.admin`insert into memberships (organization_id, user_id, role) values (${home.id}, ${val.userId}, 'viewer')`;
    const query = `?organization=${home.id}`;
    expect(await listed(val, query)).toEqual(['bob@example.org']);
    const added = await val.ask('POST', '/api/suppressions/', {
      addresses: ['x@example.org'],
      organization: home.id,
    });
    const removed = await val.ask('DELETE', `/api/suppressions/bob@example.org/${query}`);
    expect([added.body.code, removed.body.code]).toEqual(['role_insufficient', 'role_insufficient']);
    expect(await listed(ada, query)).toEqual(['bob@example.org']);
  });

  test(`are at most as many as the quota, and ${MAX_ADDED} in a request`, async () => {
    await on.admin`update quotas set value = 3 where name = 'suppressions_of_organization'`;
    try {
      expect((await suppress(ada, 'a@example.org', 'b@example.org')).status).toBe(200);
      const beyond = await suppress(ada, 'b@example.org', 'c@example.org', 'd@example.org');
      expect([beyond.status, beyond.body.code, beyond.body.limit]).toEqual([409, 'too_many_suppressions', 3]);
      // None of a refused request is added.
      expect([await listed(ada), await inUse(ada)]).toEqual([['a@example.org', 'b@example.org'], 2]);
      expect((await suppress(ada, 'b@example.org', 'c@example.org')).status).toBe(200);
    } finally {
      await on.admin`update quotas set value = 100000 where name = 'suppressions_of_organization'`;
    }
    const many = (count: number) => Array.from({ length: count }, (_, at) => `r${at}@example.org`);
    expect((await suppress(ada, ...many(MAX_ADDED))).status).toBe(200);
    expect((await suppress(ada, ...many(MAX_ADDED + 1))).status).toBe(400);
  });

  test('two requests at once cannot exceed the quota', async () => {
    await on.admin`update quotas set value = 2 where name = 'suppressions_of_organization'`;
    try {
      const other = apiFunction(on);
      const answers = await Promise.all([
        suppress(ada, 'a@example.org', 'b@example.org'),
        other.app.request('/api/suppressions/', {
          method: 'POST',
          headers: { authorization: `Bearer ${ada.access}`, 'content-type': 'application/json' },
          body: JSON.stringify({ addresses: ['c@example.org', 'd@example.org'] }),
        }),
      ]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
      expect(await inUse(ada)).toBe(2);
    } finally {
      await on.admin`update quotas set value = 100000 where name = 'suppressions_of_organization'`;
    }
  });

  test.each(['bob', 'a@b', 'Bob <bob@example.org>', 'bob@example.org\r\nBcc: x@example.org', ''])(
    'are addresses, unlike %j',
    async (address) => {
      const { status, body } = await suppress(ada, address);
      expect([status, body.errors[0].pointer]).toEqual([400, '/addresses/0']);
    },
  );
});

describe('a link for unsubscribing', () => {
  const linkFor = async (address: string, { organizationId } = ada) => {
    const url = await unsubscribeUrl(on.as('worker'), {
      installation: 'https://tasks.example.com',
      organizationId,
      address,
    });
    return new URL(url).pathname;
  };
  /** Sends what a mail program sends, without a login. */
  const post = (
    path: string,
    body = 'List-Unsubscribe=One-Click',
    type = 'application/x-www-form-urlencoded',
  ) => api.app.request(path, { method: 'POST', headers: { 'content-type': type }, body });

  test('suppresses its address with one click, without a login, and once', async () => {
    const path = await linkFor('Ada@Bücher.example');
    for (let click = 0; click < 2; click += 1) {
      const answer = await post(path);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
      expect(await answer.text()).toContain('ada@xn--bcher-kva.example');
    }
    const { body } = await ada.ask('GET', '/api/suppressions/');
    expect(body.results).toEqual([
      expect.objectContaining({
        address: 'ada@xn--bcher-kva.example',
        reason: 'unsubscribe',
        created_by: null,
      }),
    ]);
    expect(await inUse(ada)).toBe(1);
  });

  test('takes a form in parts, too, as the standard allows', async () => {
    const form = new FormData();
    form.set('List-Unsubscribe', 'One-Click');
    const path = await linkFor('bob@example.org');
    expect((await api.app.request(path, { method: 'POST', body: form })).status).toBe(200);
    expect(await listed(ada)).toEqual(['bob@example.org']);
  });

  test('changes nothing when it is only looked at', async () => {
    const path = await linkFor('bob@example.org');
    const answer = await api.app.request(path);
    expect(answer.status).toBe(200);
    const page = await answer.text();
    expect(page).toContain('<form method="post">');
    expect(page).not.toContain('<script');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await api.app.request(path, { method: 'HEAD' })).status).toBe(200);
    expect(await listed(ada)).toEqual([]);
  });

  test('is for its organization and its address alone', async () => {
    const eve = await api.register();
    const [mine, theirs] = [await linkFor('bob@example.org', eve), await linkFor('carl@example.org')];
    const bytes = (path: string) => Buffer.from(path.split('/')[3] ?? '', 'base64url');
    const link = (...parts: Buffer[]) => `/api/unsubscribe/${Buffer.concat(parts).toString('base64url')}/`;
    const forged = [
      // Eve's signature, with Ada's organization.
      link(bytes(theirs).subarray(0, 16), bytes(mine).subarray(16)),
      // Ada's signature, with another address.
      link(bytes(theirs).subarray(0, 48), Buffer.from('dora@example.org')),
      // No signature.
      link(bytes(theirs).subarray(0, 16), Buffer.alloc(32), Buffer.from('carl@example.org')),
    ];
    for (const path of forged) {
      const answer = await post(path);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        404,
        'unsubscribe_link_not_valid',
      ]);
    }
    expect(await listed(ada)).toEqual([]);
  });

  test('that is broken is refused', async () => {
    const path = await linkFor('bob@example.org');
    for (const broken of [path.slice(0, 40), `/api/unsubscribe/${'A'.repeat(64)}/`, '/api/unsubscribe/x/']) {
      for (const method of ['GET', 'POST']) {
        const answer = method === 'GET' ? await api.app.request(broken) : await post(broken);
        expect([broken, answer.status]).toEqual([broken, 404]);
      }
    }
    for (const broken of [
      `/api/unsubscribe/${'A'.repeat(500)}/`,
      '/api/unsubscribe/a%00b/',
      '/api/unsubscribe/%3Cscript%3E/',
    ]) {
      expect([broken, (await post(broken)).status]).toEqual([broken, 400]);
    }
  });

  test('takes nothing but the form of one click', async () => {
    const path = await linkFor('bob@example.org');
    const statuses = await Promise.all([
      post(path, ''),
      post(path, 'List-Unsubscribe=Two-Clicks'),
      post(path, 'other=One-Click'),
      post(path, '{}', 'application/json'),
      post(path, `List-Unsubscribe=One-Click&x=${'x'.repeat(4_096)}`),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([400, 400, 400, 415, 413]);
    expect(await listed(ada)).toEqual([]);
  });

  test('of an organization that was deleted is refused', async () => {
    const { body: home } = await ada.ask('POST', '/api/organizations/', { name: 'Short' });
    const path = await linkFor('bob@example.org', { ...ada, organizationId: home.id });
    await ada.ask('DELETE', `/api/organizations/${home.id}/`);
    expect((await post(path)).status).toBe(404);
  });
});

describe('a task that sends mail', () => {
  const MAIL = { from: 'news@example.com', to: ['bob@example.org'], subject: 'Hello', text: 'Hello' };
  const task = (payload: object) => ({ name: 'Mail', kind: 'email.send', payload: { ...MAIL, ...payload } });
  beforeAll(async () => {
    await on.admin`insert into mail_senders values ('example.com'), ('one@example.net')`;
  });

  test.each(['a@example.com', 'A@EXAMPLE.com', 'one@example.net'])('is accepted from %s', async (from) => {
    expect((await ada.ask('POST', '/api/tasks/', task({ from }))).status).toBe(201);
    expect((await ada.ask('POST', '/api/tasks/', task({ from: { address: from, name: 'A' } }))).status).toBe(
      201,
    );
  });

  test.each(['a@example.net', 'a@sub.example.com', 'a@example.com.evil.example', 'a@xexample.com'])(
    'is refused from %s, singly and in a batch',
    async (from) => {
      const single = await ada.ask('POST', '/api/tasks/', task({ from }));
      expect([single.status, single.body.code, single.body.errors[0].pointer]).toEqual([
        403,
        'sender_not_verified',
        '/payload/from',
      ]);
      const named = await ada.ask('POST', '/api/tasks/', task({ from: { address: from, name: 'A' } }));
      expect(named.body.errors[0].pointer).toBe('/payload/from/address');
      const batch = await ada.ask('POST', '/api/tasks/bulk/', { tasks: [task({}), task({ from })] });
      expect([batch.status, batch.body.errors[0].pointer]).toEqual([403, '/tasks/1/payload/from']);
      const partial = await ada.ask('POST', '/api/tasks/bulk/', {
        tasks: [task({}), task({ from })],
        partial: true,
      });
      expect([partial.status, partial.body.created, partial.body.results[1].errors[0].pointer]).toEqual([
        201,
        1,
        '/tasks/1/payload/from',
      ]);
    },
  );
});
