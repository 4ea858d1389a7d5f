/** The auth-helper: reads argv, environment and signals, and runs until a signal stops it. */
import { runHelper } from './helper/run-helper.ts';
import { helperVersion } from './helper/version.ts';

const stopped = new Promise<string>((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      resolve(signal);
    });
  }
});

// Whoever reads the log may go away; what cannot be written is lost, and nothing else.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

// No top-level await: the bundle is CommonJS, which both runtimes start faster.
void runHelper({
  argv: process.argv.slice(2),
  env: process.env,
  version: helperVersion,
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
  stopped,
  onStray: (listener) => {
    process.on('uncaughtException', listener);
    process.on('unhandledRejection', listener);
  },
}).then((code) => process.exit(code));
