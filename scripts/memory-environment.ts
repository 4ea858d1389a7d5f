/**
 * Environment variables that bound the memory of the helper's runtime; each runtime reads its own and leaves the others alone.
 * Bun takes its heap's growth from the machine's memory, so the machine is said to have 32 MiB: it then collects more often. That
 * is no limit, and a helper that needs more gets it. Code that was not run for a while is let go early. The image, the benchmark and the integration tests use these.
 * @see docs/adr/0012-the-helpers-bundle-and-runtime.md
 */
export const memoryEnvironment = {
  NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=32',
  BUN_OPTIONS: '--smol',
  BUN_JSC_forceRAMSize: '33554432',
  BUN_JSC_useEagerCodeBlockJettisonTiming: '1',
} as const;
