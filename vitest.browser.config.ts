import { defineConfig } from 'vitest/config';

/** The console in a real browser against the whole system: `npx vitest run --config vitest.browser.config.ts`. */
export default defineConfig({
  test: {
    include: ['console/**/*.browser.test.ts'],
    // Generous, because a slow machine must not fail a test.
    expect: { poll: { timeout: 20_000, interval: 20 } },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
