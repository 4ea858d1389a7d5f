/** One line of JSON an event; what could do something to a terminal is escaped. Constant words, variables as fields; no token, key or claim value among them. */
import { logLevels, type Log, type LogLevel } from '#kernel/observe.ts';
import { printable } from '#kernel/text.ts';

export class HelperLog implements Log {
  level: LogLevel = 'info';
  readonly #write: (line: string) => void;
  readonly #now: () => number;

  /** @param write gets a line with its end. @param now milliseconds since the Unix epoch. */
  constructor(write: (line: string) => void, now: () => number) {
    this.#write = write;
    this.#now = now;
  }

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message);
  }
  info(fields: object, message: string): void {
    this.#add('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#add('warn', fields, message);
  }
  error(fields: object, message: string): void {
    this.#add('error', fields, message);
  }

  #add(level: LogLevel, fields: object, msg: string): void {
    if (logLevels.indexOf(level) < logLevels.indexOf(this.level)) return;
    const time = new Date(this.#now()).toISOString();
    this.#write(`${printable(JSON.stringify({ time, level, msg, ...fields }))}\n`);
  }
}
