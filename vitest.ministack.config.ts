import { defineConfig } from 'vitest/config';

/** Tests of the deployed system on the AWS emulator. The files run one after the other on one deployment. */
export default defineConfig({
  test: {
    include: ['local/ministack/deployed/*.test.ts'],
    globalSetup: ['local/ministack/testing/set-up.ts'],
    setupFiles: ['local/ministack/testing/trusting.ts'],
    pool: 'forks',
    // Generous, because a slow machine must not fail a test.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    fileParallelism: false,
    // The third-party emulators are sometimes slow. A test that fails twice is a failure.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A tear-down that is cut short leaves its servers running.
    teardownTimeout: 60_000,
  },
});
