import { defineConfig } from 'vitest/config';

/** One account against all others, at the sizes that did harm once: `npm run test:abuse`. */
export default defineConfig({
  test: {
    include: ['local/abuse/**/*.abuse.test.ts'],
    globalSetup: ['local/postgres/testing/cluster-of-run.ts'],
    pool: 'forks',
    // What is waited for comes when it comes: a busy machine is no failure.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    // Each file needs the machine for itself.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Cut short, the end of a run leaves its database behind.
    teardownTimeout: 60_000,
  },
});
