import { describe, expect, test } from 'vitest';
import type { Runtime } from '../runtime.ts';
import { type User, watch } from './client.ts';

/** Registers the tests of batches: created by request, imported from an upload, and watched. */
export function batchTests(running: () => { runtime: Runtime; ada: User }): void {
  /** Expects of the answer to a GET, which may become true later. */
  const polled = (path: string) =>
    expect.poll(async () => (await running().ada.ask('GET', path)).body, { timeout: 90_000, interval: 100 });

  describe('a batch', () => {
    test('of ten thousand tasks is created by one request, watched, and completed', async () => {
      const { runtime, ada } = running();
      const tasks = Array.from({ length: 10_000 }, (_, n) => ({ name: `Task ${n}` }));
      const { status, body } = await ada.ask('POST', '/api/tasks/bulk/', { name: 'Many', tasks });
      expect([status, body.created]).toEqual([201, 10_000]);
      const watcher = await watch(`${runtime.wsUrl}/ws/batches/${body.batch.id}/`, ['celeriac', ada.access]);
      await polled(`/api/batches/${body.batch.id}/`).toMatchObject({
        status: 'finished',
        total: 10_000,
        completed: 10_000,
        progress: 1,
        running: 0,
      });
      const last = await watcher.until((frame) => frame.status === 'finished');
      expect(last).toMatchObject({ type: 'batch', id: body.batch.id, completed: 10_000, progress: 1 });
      expect(watcher.frames[0]).toMatchObject({ type: 'batch', total: 10_000 });
      // There are far fewer frames than changes.
      expect(watcher.frames.length).toBeLessThan(500);
      watcher.socket.close();
    }, 120_000);

    test('is imported from an upload: five thousand lines, some of them bad', async () => {
      const { ada } = running();
      const lines = Array.from({ length: 5_000 }, (_, n) =>
        JSON.stringify(n % 1_000 === 7 ? { nam: 'bad' } : { name: `Line ${n + 1}` }),
      );
      const text = `${lines.join('\n')}\n`;
      const bytes = Buffer.byteLength(text);
      const { body: upload } = await ada.ask('POST', '/api/uploads/', { format: 'ndjson', bytes });
      const { method, url, headers } = upload;
      expect((await fetch(url, { method, headers, body: text })).status).toBe(200);
      const wanted = { upload: upload.id, format: 'ndjson', name: 'Lines' };
      const importing = async (partial: boolean) => {
        const { status, body } = await ada.ask('POST', '/api/batches/import/', { ...wanted, partial });
        expect(status).toBe(202);
        return body;
      };

      const refused = await importing(false);
      await polled(`/api/tasks/${refused.task}/`).toMatchObject({
        status: 'FAILED',
        error: { code: 'lines_invalid', lines: 5_000, bad_lines: 5 },
      });
      const { body: report } = await ada.ask('GET', `/api/batches/${refused.batch.id}/report/`);
      const bad = (await (await fetch(report.url)).text()).trim().split('\n');
      expect(bad.map((line) => JSON.parse(line).line)).toEqual([8, 1_008, 2_008, 3_008, 4_008]);

      const { batch, task } = await importing(true);
      await polled(`/api/batches/${batch.id}/`).toMatchObject({
        status: 'finished',
        total: 4_995,
        completed: 4_995,
      });
      // The batch's tasks may end before the task that imported them.
      await polled(`/api/tasks/${task}/`).toMatchObject({
        status: 'COMPLETED',
        result: {
          lines: 5_000,
          created: 4_995,
          bad_lines: 5,
          first_bad_lines: [{ line: 8 }, {}, {}, {}, {}],
        },
      });
    }, 120_000);
  });
}
