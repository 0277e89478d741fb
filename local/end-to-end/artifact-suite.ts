import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Runtime } from '../runtime.ts';
import type { User } from './client.ts';

const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');

const begin = (user: User, content: string) =>
  user.ask('POST', '/api/artifacts/', {
    name: 'käse.csv',
    media_type: 'text/csv',
    bytes: Buffer.byteLength(content),
    sha256: sha256(content),
  });

/** Registers the tests of files: sent to the storage itself, and got from there. */
export function artifactTests(running: () => { runtime: Runtime; ada: User }): void {
  describe('an artifact', () => {
    test('is uploaded to its address, completed, and downloaded as an attachment', async () => {
      const { runtime, ada } = running();
      const content = 'a,b\n1,2\n'.repeat(10_000);
      const { status, body } = await begin(ada, content);
      expect(status).toBe(201);
      const { method, url, headers } = body.upload;
      expect((await ada.ask('POST', `/api/artifacts/${body.id}/complete/`)).status).toBe(409);
      expect((await fetch(url, { method, headers, body: content })).status).toBe(200);
      expect((await ada.ask('POST', `/api/artifacts/${body.id}/complete/`)).body.status).toBe('ready');
      const { download } = (await ada.ask('GET', `/api/artifacts/${body.id}/`)).body;
      // Nothing is served from the origin of the API.
      expect(new URL(download.url).origin).not.toBe(new URL(runtime.url).origin);
      const answer = await fetch(download.url);
      expect(answer.headers.get('content-disposition')).toMatch(/^attachment; .*k%C3%A4se\.csv$/);
      expect(answer.headers.get('content-type')).toBe('text/csv');
      expect((await answer.text()) === content).toBe(true);
      expect((await ada.ask('DELETE', `/api/artifacts/${body.id}/`)).status).toBe(204);
      expect((await ada.ask('GET', `/api/artifacts/${body.id}/`)).status).toBe(404);
    });
  });
}

/** Tries every content that an address does not take. The storage must check signatures. */
export async function refusesOtherContent(ada: User): Promise<void> {
  const { body } = await begin(ada, 'right');
  const { method, url, headers } = body.upload;
  const send = async (content: string, more: Record<string, string> = {}, to = url) => {
    const answer = await fetch(to, { method, headers: { ...headers, ...more }, body: content });
    return [answer.status, /<Code>(\w+)</.exec(await answer.text())?.[1]];
  };
  const wrongSum = createHash('sha256').update('wrong').digest('base64');
  expect(await send('righ')).toEqual([403, 'SignatureDoesNotMatch']);
  expect(await send('right!')).toEqual([403, 'SignatureDoesNotMatch']);
  expect(await send('wrong')).toEqual([400, 'BadDigest']);
  expect(await send('wrong', { 'x-amz-checksum-sha256': wrongSum })).toEqual([403, 'SignatureDoesNotMatch']);
  expect(await send('right', { 'content-type': 'text/html' })).toEqual([403, 'SignatureDoesNotMatch']);
  const later = url.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=86400');
  expect(await send('right', {}, later)).toEqual([403, 'SignatureDoesNotMatch']);
  expect(await ada.ask('POST', `/api/artifacts/${body.id}/complete/`)).toMatchObject({
    status: 409,
    body: { code: 'artifact_not_uploaded' },
  });
  expect((await send('right'))[0]).toBe(200);
  expect((await ada.ask('POST', `/api/artifacts/${body.id}/complete/`)).status).toBe(200);
}
