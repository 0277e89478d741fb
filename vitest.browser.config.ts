import { defineConfig } from 'vitest/config';

/** The console in a real browser against the whole system: `npx vitest run --config vitest.browser.config.ts`. */
export default defineConfig({
  test: {
    include: ['console/**/*.browser.test.ts'],
    // What is waited for comes when it comes: a busy machine is no failure.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
