import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'functions/**/*.test.ts',
      'lib/**/*.test.ts',
      'local/**/*.test.ts',
      'infra-tests/**/*.test.ts',
      'docs/*.test.ts',
      '.ci/*.test.ts',
    ],
    // Tests that need an AWS emulator or the whole machine have their own commands.
    exclude: [
      ...configDefaults.exclude,
      '**/*.localstack.test.ts',
      '**/*.abuse.test.ts',
      'local/ministack/deployed/**',
    ],
    deps: {
      optimizer: {
        ssr: {
          enabled: true,
          // Packages of dozens of files each, which nearly every test imports. Bundled into one file they load in a
          // tenth of the time. The list contains every imported part of a package, so that no part is loaded twice.
          include: [
            ...['zod', 'jose', 'uuid', 'lossless-json', '@hono/zod-openapi'],
            ...['hono', 'hono/aws-lambda', 'hono/http-exception', 'hono/route'],
            ...['drizzle-orm', 'drizzle-orm/migrator', 'drizzle-orm/pg-core', 'drizzle-orm/pg-proxy'],
          ],
        },
      },
    },
    globalSetup: ['local/postgres/testing/cluster-of-run.ts'],
    pool: 'forks',
    // Generous, because a slow machine must not fail a test.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A tear-down that is cut short leaves its database running.
    teardownTimeout: 60_000,
  },
});
