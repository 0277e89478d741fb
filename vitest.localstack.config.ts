import { defineConfig } from 'vitest/config';

/** Tests on LocalStack, Redis and Postgres: `npm run test:localstack`. */
export default defineConfig({
  test: {
    include: ['local/**/*.localstack.test.ts'],
    globalSetup: ['local/backings/localstack/testing/emulators-of-run.ts'],
    pool: 'forks',
    // Generous, because a slow machine must not fail a test.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    // The files share one emulator and its queues.
    fileParallelism: false,
    // The third-party emulators are sometimes slow. A test that fails twice is a failure.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A tear-down that is cut short leaves its servers running.
    teardownTimeout: 60_000,
  },
});
