/** One line of JSON an event; what could do something to a terminal is escaped. Constant words, variables as fields; no token, key or claim value among them. */
import { logLevels, type LogLevel } from '#kernel/observe.ts';
import { printable } from '#kernel/text.ts';

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export class HelperLog {
  level: LogLevel = 'info';
  readonly #write: (line: string) => void;
  readonly #now: () => number;

  /** @param write gets a line with its end. @param now milliseconds since the Unix epoch. */
  constructor(write: (line: string) => void, now: () => number) {
    this.#write = write;
    this.#now = now;
  }

  debug(words: string, fields: LogFields = {}): void {
    this.#add('debug', words, fields);
  }
  info(words: string, fields: LogFields = {}): void {
    this.#add('info', words, fields);
  }
  warn(words: string, fields: LogFields = {}): void {
    this.#add('warn', words, fields);
  }
  error(words: string, fields: LogFields = {}): void {
    this.#add('error', words, fields);
  }

  #add(level: LogLevel, msg: string, fields: LogFields): void {
    if (logLevels.indexOf(level) < logLevels.indexOf(this.level)) return;
    const time = new Date(this.#now()).toISOString();
    this.#write(`${printable(JSON.stringify({ time, level, msg, ...fields }))}\n`);
  }
}
