/** Structured logs, one JSON object a line. Invariant: no secrets and no object content are ever passed in. */
import { pino, destination } from 'pino';
import type { Log } from '#kernel/observe.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Logs to standard output with RFC 3339 times. */
export function createLog(level: LogLevel): Log {
  return pino(
    {
      level,
      base: { app: 'svidecar' },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ dest: 1, sync: true }),
  );
}
