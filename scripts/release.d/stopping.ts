/** A run that is stopped takes away what it began, and says so. */
import { setImmediate } from 'node:timers/promises';

const stopping = new AbortController();
/** For programs that the run starts. */
export const stopped = stopping.signal;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** @throws {Error} in words, where a signal came meanwhile */
export async function stoppable(run: () => Promise<void>): Promise<void> {
  const stop = (signal: NodeJS.Signals): void => {
    console.error(`stopping at ${signal} …`);
    stopping.abort(
      new Error(`stopped by ${signal}: no release was made, and what was begun is removed`),
    );
  };
  for (const signal of signals) process.on(signal, stop);
  try {
    await run();
  } catch (thrown) {
    // A program that we waited for may have had the signal before us.
    await mayStop();
    throw thrown;
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}

/** Signals are seen between turns of the loop: the first turn may be one that had begun. */
export async function mayStop(): Promise<void> {
  await setImmediate();
  await setImmediate();
  stopped.throwIfAborted();
}
