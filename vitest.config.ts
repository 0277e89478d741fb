import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'functions/**/*.test.ts',
      'lib/**/*.test.ts',
      'local/**/*.test.ts',
      'infra-tests/**/*.test.ts',
      'docs/*.test.ts',
    ],
    // What needs an emulator of AWS, or the machine for itself, has a command of its own.
    exclude: [
      ...configDefaults.exclude,
      '**/*.localstack.test.ts',
      '**/*.abuse.test.ts',
      'local/ministack/deployed/**',
    ],
    globalSetup: ['local/postgres/testing/cluster-of-run.ts'],
    pool: 'forks',
    // What is waited for comes when it comes: a busy machine is no failure.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Cut short, the end of a run leaves its database behind.
    teardownTimeout: 60_000,
  },
});
