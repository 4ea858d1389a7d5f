/**
 * Structured logs, one JSON object a line. Invariant: no secrets and no object content are ever passed in, and what could
 * control a terminal is escaped.
 */
import { pino, destination, type DestinationStream } from 'pino';
import type { Log, LogLevel } from '#kernel/observe.ts';
import { printableLines } from '#kernel/text.ts';

/** Logs with RFC 3339 times. @param to standard output, to which nothing else is written */
export function createLog(
  level: LogLevel,
  to: DestinationStream = destination({ dest: 1, sync: true }),
): Log {
  return pino(
    {
      level,
      base: { app: 'svidecar' },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line) => {
        to.write(printableLines(line));
      },
    },
  );
}
