import { defineConfig } from 'vitest/config';

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
          include: ['test/{unit,golden,property}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // Two cores: real components side by side would starve each other.
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/harness/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          // They share one cluster, and two cores.
          fileParallelism: false,
        },
      },
    ],
  },
});
