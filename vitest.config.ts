import { defineConfig } from 'vitest/config';

const expecting = {
  /** Milliseconds: of the library's one second a test may be without a core for most of it, where others run beside it. */
  poll: { timeout: 15_000 },
} as const;

/**
 * Suites by what they need: `unit` and `property` need nothing, `integration` needs real components, `e2e` a machine that can
 * carry the local cluster.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          expect: expecting,
          include: ['test/{unit,golden,property}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          expect: expecting,
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // Two files at once, beside one on the local cluster, use two cores wholly: with more, each waits for the others' time.
          // Unit tests do not wait for anything, and are a group of their own.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          expect: expecting,
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/harness/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          // They share one cluster.
          fileParallelism: false,
        },
      },
    ],
  },
});
