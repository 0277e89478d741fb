import { describe, expect, test } from 'vitest';
import type { GuardedFetch } from '../port.ts';
import { type DnsAnswer, serveNames } from '../testing/name-server.ts';
import { serve } from '../testing/server.ts';
import { guardedFetch, MAX_LOOKUPS } from './guarded-fetch.ts';
import { dnsLookUp } from './look-up.ts';

const LOOPBACK: DnsAnswer = { records: [{ type: 'A', value: '127.0.0.1' }] };
const NOTHING: DnsAnswer = { records: [] };
const patient = () => new AbortController().signal;
const failsWith = (code: string) => expect.objectContaining({ name: 'FetchError', code });

/**
 * Starts a name server and an HTTP server. Returns a client that uses this name server, the URLs of host names at the
 * HTTP server, and the names that were asked for.
 */
async function stage(
  answer: Parameters<typeof serveNames>[0],
): Promise<{ fetch: GuardedFetch; at: (host: string) => string; asked: string[] }> {
  const { address, asked } = await serveNames(answer);
  const { port } = new URL(await serve((_, response) => response.end('here')));
  const fetch = guardedFetch({ loopback: 'allowed', lookUp: dnsLookUp([address]) });
  return { fetch, at: (host) => `http://${host}:${port}/`, asked };
}

const lookedUp = async (answer: Parameters<typeof serveNames>[0]) =>
  dnsLookUp([(await serveNames(answer)).address])('name.example', patient());

describe('a name has the addresses', () => {
  test('of both families', async () => {
    const found = await lookedUp((_, type) =>
      type === 'A' ? LOOPBACK : { records: [{ type, value: '2606:4700:0:0:0:0:0:1111' }] },
    );
    expect(found).toEqual(['127.0.0.1', '2606:4700::1111']);
  });

  for (const family of ['A', 'AAAA'] as const) {
    for (const [how, other] of [
      ['has none of', NOTHING],
      ['fails for', { code: 'SERVFAIL' }],
      ['never answers for', undefined],
    ] as const) {
      test(`of ${family} when its server ${how} the other family`, async () => {
        const value = family === 'A' ? '127.0.0.1' : '0:0:0:0:0:0:0:1';
        const { address, asked } = await serveNames((_, type) =>
          type === family ? { records: [{ type, value }] } : other,
        );
        expect(await dnsLookUp([address])('name.example', patient())).toHaveLength(1);
        // A client that waits to the end for the other address family asks for it three times.
        if (other === undefined) expect(asked.length).toBeLessThan(4);
      });
    }
  }

  test('at the end of a chain of aliases', async () => {
    const found = await lookedUp((_, type) => ({
      records: [
        { type: 'CNAME', value: 'one.example' },
        { name: 'one.example', type: 'CNAME', value: 'two.example' },
        ...(type === 'A' ? [{ name: 'two.example', type, value: '127.0.0.9' }] : []),
      ],
    }));
    expect(found).toEqual(['127.0.0.9']);
  });

  test('of a server that answers late', async () => {
    expect(await lookedUp((_, type) => ({ ...(type === 'A' ? LOOPBACK : NOTHING), delayMs: 400 }))).toEqual([
      '127.0.0.1',
    ]);
  });
});

describe('a request to a name', () => {
  test('reaches the first of its addresses that answers', async () => {
    const { fetch, at } = await stage((_, type) =>
      type === 'A'
        ? { records: ['127.0.0.1', '127.0.0.2'].map((value) => ({ type, value })) }
        : { records: [{ type, value: '0:0:0:0:0:0:0:1' }] },
    );
    expect(await fetch({ url: at('many.example') })).toMatchObject({ status: 200 });
  });

  test('fails when its server reports no name, fails, or has only other records', async () => {
    for (const answer of [
      { code: 'NXDOMAIN' },
      { code: 'SERVFAIL' },
      { code: 'REFUSED' },
      NOTHING,
    ] as const) {
      const { fetch, at } = await stage(() => answer);
      await expect(fetch({ url: at('nowhere.example') })).rejects.toEqual(failsWith('dns'));
    }
  });

  test('is refused when one of many addresses is not public', async () => {
    const addresses = [...Array.from({ length: 29 }, (_, n) => `127.0.1.${n}`), '10.0.0.1'];
    for (const [family, values] of [
      ['A', addresses],
      ['AAAA', ['0:0:0:0:0:0:0:1', 'fd00:ec2:0:0:0:0:0:254']],
    ] as const) {
      const { fetch, at } = await stage((_, type) =>
        type === family ? { records: values.map((value) => ({ type, value })) } : NOTHING,
      );
      await expect(fetch({ url: at('mixed.example') })).rejects.toEqual(failsWith('address_refused'));
    }
  });

  test('is refused when the next answer points inwards', async () => {
    let times = 0;
    const { fetch, at } = await stage((_, type) => {
      if (type === 'AAAA') return NOTHING;
      times += 1;
      return times === 1 ? LOOPBACK : { records: [{ type, value: '169.254.169.254' }] };
    });
    expect(await fetch({ url: at('rebind.example') })).toMatchObject({ status: 200 });
    await expect(fetch({ url: at('rebind.example') })).rejects.toEqual(failsWith('address_refused'));
  });

  test('that is localhost or an address asks no server', async () => {
    const { fetch, at, asked } = await stage(() => ({ code: 'NXDOMAIN' }));
    for (const host of ['localhost', 'LOCALHOST.', 'any.localhost', '127.0.0.1', '127.1'])
      expect(await fetch({ url: at(host) }), host).toMatchObject({ status: 200 });
    expect(asked).toEqual([]);
  });

  test('ignores /etc/hosts and search domains', async () => {
    const { fetch, at, asked } = await stage(() => ({ code: 'NXDOMAIN' }));
    await expect(fetch({ url: at('short') })).rejects.toEqual(failsWith('dns'));
    expect(new Set(asked)).toEqual(new Set(['short']));
  });
});

describe('names that never answer', () => {
  const silent = () => undefined;

  test('end with the time of their request, and with its signal', async () => {
    const { fetch, at } = await stage(silent);
    await expect(fetch({ url: at('silent.example'), timeoutSeconds: 0.2 })).rejects.toEqual(
      failsWith('timeout'),
    );
    const controller = new AbortController();
    const asking = fetch({ url: at('silent.example'), signal: controller.signal });
    controller.abort(new Error('No longer wanted'));
    await expect(asking).rejects.toThrow('No longer wanted');
  });

  test('are no longer looked up once the request has ended', async () => {
    const { address, asked } = await serveNames(silent);
    const controller = new AbortController();
    const looking = dnsLookUp([address])('silent.example', controller.signal);
    await expect.poll(() => asked.length).toBeGreaterThan(0);
    controller.abort(new Error('No longer wanted'));
    await expect(looking).rejects.toThrow('No longer wanted');
    // A lookup that was not stopped asks three times for each kind of address before it ends.
    expect(asked.length).toBeLessThan(6);
  });

  test('end by themselves, before a request has used up its time', async () => {
    const { fetch, at } = await stage(silent);
    await expect(fetch({ url: at('silent.example'), timeoutSeconds: 30 })).rejects.toEqual(failsWith('dns'));
  });

  test('are looked up for a bounded number of requests of an organization, and others do not wait', async () => {
    const { fetch, at, asked } = await stage((name, type) =>
      name.startsWith('silent') ? undefined : type === 'A' ? LOOPBACK : NOTHING,
    );
    const controller = new AbortController();
    const { signal } = controller;
    const names = Array.from({ length: MAX_LOOKUPS + 1 }, (_, n) => `silent-${n}.example`);
    const requests = names.map((name) => fetch({ url: at(name), organizationId: 'loud', signal }));
    const own = fetch({ url: at('good.example'), organizationId: 'loud', signal });
    await expect.poll(() => new Set(asked).size).toBe(MAX_LOOKUPS);
    expect(await fetch({ url: at('good.example'), organizationId: 'quiet' })).toMatchObject({ status: 200 });
    expect(new Set(asked)).toEqual(new Set([...names.slice(0, MAX_LOOKUPS), 'good.example']));
    controller.abort(new Error('Enough'));
    await Promise.all([...requests, own].map((one) => expect(one).rejects.toThrow('Enough')));
    // The lookups that ended have freed their places.
    expect(await fetch({ url: at('good.example'), organizationId: 'loud' })).toMatchObject({ status: 200 });
  });
});
