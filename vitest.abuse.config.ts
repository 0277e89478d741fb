import { defineConfig } from 'vitest/config';

/** One account against all others, at sizes that once did harm: `npm run test:abuse`. */
export default defineConfig({
  test: {
    include: ['local/abuse/**/*.abuse.test.ts'],
    globalSetup: ['local/postgres/testing/cluster-of-run.ts'],
    pool: 'forks',
    // Generous, because a slow machine must not fail a test.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    // Each file needs the whole machine.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A tear-down that is cut short leaves its database running.
    teardownTimeout: 60_000,
  },
});
