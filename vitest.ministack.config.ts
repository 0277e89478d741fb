import { defineConfig } from 'vitest/config';

/** What the deployed system does on the AWS emulator, one file after the other on one deployment. */
export default defineConfig({
  test: {
    include: ['local/ministack/deployed/*.test.ts'],
    globalSetup: ['local/ministack/testing/set-up.ts'],
    setupFiles: ['local/ministack/testing/trusting.ts'],
    pool: 'forks',
    // What is waited for comes when it comes: a busy machine is no failure.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    fileParallelism: false,
    // The emulators are other people's, and slow at times: what fails twice is a failure.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Cut short, the end of a run leaves its servers behind.
    teardownTimeout: 60_000,
  },
});
