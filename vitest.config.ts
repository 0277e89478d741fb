import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['functions/**/*.test.ts', 'lib/**/*.test.ts', 'local/**/*.test.ts', 'infra-tests/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/*.localstack.test.ts'],
    globalSetup: ['local/test-postgres.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
