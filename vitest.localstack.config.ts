import { defineConfig } from 'vitest/config';

/** Against LocalStack, Redis and Postgres: `npm run test:localstack`. */
export default defineConfig({
  test: {
    include: ['local/**/*.localstack.test.ts'],
    globalSetup: ['local/backings/localstack/testing/emulators-of-run.ts'],
    pool: 'forks',
    // What is waited for comes when it comes: a busy machine is no failure.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    // The files share one emulator, and with it the queues.
    fileParallelism: false,
    // The emulators are other people's, and slow at times: what fails twice is a failure.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Cut short, the end of a run leaves its servers behind.
    teardownTimeout: 60_000,
  },
});
