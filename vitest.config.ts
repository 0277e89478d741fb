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
    deps: {
      optimizer: {
        ssr: {
          enabled: true,
          // Packages of dozens of files each, which nearly every test imports: as one file, they load in a tenth of the time. With a
          // package stand all of its parts that are imported anywhere, so that no part is there twice.
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
    // What is waited for comes when it comes: a busy machine is no failure.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Cut short, the end of a run leaves its database behind.
    teardownTimeout: 60_000,
  },
});
