/** How rooms tell what happens in them: ports for logs and metrics. */

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** The part of pino we use: fields first, constant message second. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Numbers that another room keeps and `/metrics` shows, read at each scrape. @see Prometheus, "Data model" */
export interface MetricFamily {
  /** With its unit. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** Few and from our own settings: whoever calls us must not be able to make more of them. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}
