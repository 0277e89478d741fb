/* Celeriac as `npm start` brings it up, in a process of its own: whoever measures it is not served by the same thread. */
import { type Runtime, startRuntime } from '../../runtime.ts';
import { answerCalls } from '../measuring/answer-calls.ts';

let runtime: Runtime | undefined;

function running(): Runtime {
  if (!runtime) throw new Error('It has not been started');
  return runtime;
}

await answerCalls({
  async start({ dataDir, schedules }: { dataDir: string; schedules: boolean }) {
    runtime = await startRuntime({
      dataDir,
      schedules,
      durable: true,
      // Prices are asked of nobody; tasks may call the bench, as often as they can.
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
  /** How long each of several invocations takes, one after the other: so many, or as many as that time allows. */
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
