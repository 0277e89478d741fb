import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { User } from './client.ts';

/** Registers the tests of texts: files in and out, and code that a runner loads when it needs it. */
export function textTests(running: () => { ada: User }): void {
  describe('text.process', () => {
    test('reads an artifact, and leaves a long text as another one', async () => {
      const { ada } = running();
      const content = 'Order 17 is late, says the quick brown fox.\n'.repeat(5_000);
      const { body: artifact } = await ada.ask('POST', '/api/artifacts/', {
        name: 'orders.txt',
        media_type: 'text/plain',
        bytes: Buffer.byteLength(content),
        sha256: createHash('sha256').update(content).digest('hex'),
      });
      const { method, url, headers } = artifact.upload;
      expect((await fetch(url, { method, headers, body: content })).status).toBe(200);
      await ada.ask('POST', `/api/artifacts/${artifact.id}/complete/`);
      const id = await ada.create({
        name: 'Orders',
        kind: 'text.process',
        payload: {
          source: { artifact: artifact.id },
          operations: [
            { op: 'language' },
            { op: 'keywords', top: 1 },
            { op: 'count', of: ['words'] },
            { op: 'replace', pattern: 'Order (\\d+)', replacement: '#$1' },
          ],
        },
      });
      const task = async () => (await ada.ask('GET', `/api/tasks/${id}/`)).body;
      await expect.poll(async () => (await task()).status).toBe('COMPLETED');
      const { result } = await task();
      expect(result).toMatchObject({
        results: [
          { language: 'en' },
          { terms: [{ count: 5_000 }], stop_words: 'en' },
          { words: 45_000 },
          { replacements: 5_000 },
        ],
        artifact: { name: 'text.txt' },
      });
      const { body: made } = await ada.ask('GET', `/api/artifacts/${result.artifact.id}/`);
      expect(made.status).toBe('ready');
      expect(await (await fetch(made.download.url)).text()).toBe(content.replaceAll('Order 17', '#17'));
    });
  });
}
