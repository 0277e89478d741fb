import { defineConfig } from 'vitest/config';

/** What the deployed system does on the AWS emulator, one file after the other on one deployment. */
export default defineConfig({
  test: {
    include: ['local/ministack/deployed/*.test.ts'],
    globalSetup: ['local/ministack/set-up.ts'],
    setupFiles: ['local/ministack/trusting.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
