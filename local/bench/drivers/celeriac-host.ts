/* Celeriac as `npm start` runs it, in its own process, so that it does not share a thread with the measuring code. */
import { type Runtime, startRuntime } from '../../runtime.ts';
import { answerCalls } from '../measuring/answer-calls.ts';

let runtime: Runtime | undefined;

function running(): Runtime {
  if (!runtime) throw new Error('Celeriac has not been started');
  return runtime;
}

await answerCalls({
  async start({ dataDir, schedules }: { dataDir: string; schedules: boolean }) {
    runtime = await startRuntime({
      dataDir,
      schedules,
      durable: true,
      // No price provider is asked. Tasks may call the bench, as often as they can.
      env: {
        OUTBOUND_LOOPBACK: 'allowed',
        PRICE_PROVIDER_URL: 'http://127.0.0.1:9',
        QUOTAS: JSON.stringify({ requests_per_second: 10_000, requests_at_once: 10_000 }),
      },
      log: (line) => console.error(line),
    });
    const { url, wsUrl, databaseUrl } = runtime;
    return { url, wsUrl, databaseUrl };
  },
  sqsRequests: async () => running().sqsRequestCounts(),
  /**
   * Returns the milliseconds of each invocation, one after the other: `times` of them, or as many as `seconds` allow.
   */
  async timeInvocations({ name, times, seconds }: { name: string; times: number; seconds: number }) {
    const milliseconds: number[] = [];
    const until = performance.now() + seconds * 1000;
    while (milliseconds.length < times && (milliseconds.length === 0 || performance.now() < until)) {
      const startedAt = performance.now();
      await running().invoke(name);
      milliseconds.push(performance.now() - startedAt);
    }
    return milliseconds;
  },
  async stop() {
    await runtime?.stop();
  },
});
