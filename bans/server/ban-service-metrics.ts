/** Prometheus metrics of the service for bans. Labels are from our own lists: no caller can make more of them. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { metricsText } from '#kernel/metrics-text.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { LogoutRefusal } from '../service/logout-token.ts';

export class BanServiceMetrics {
  readonly registry = new Registry();
  readonly requests: Counter<'operation' | 'code'>;
  readonly seconds: Histogram<'operation'>;
  readonly changes: Counter<'act' | 'result'>;
  readonly limited: Counter<'scope'>;
  readonly storeFailures: Counter;
  readonly displaced: Counter;
  readonly #logouts: Counter<'outcome'>;
  /** Of the lists that are followed. */
  #lists: () => readonly MetricFamily[] = () => [];

  /** @param certificateNotAfter Unix seconds; NaN while there is no certificate, or none is served */
  constructor(certificateNotAfter: () => number) {
    const registers = [this.registry];
    const prefix = 'svidecar_ban_service';
    collectDefaultMetrics({ register: this.registry });
    const counter = <Label extends string>(
      name: string,
      help: string,
      labelNames: Label[] = [],
    ): Counter<Label> => new Counter({ name: `${prefix}_${name}`, help, labelNames, registers });
    this.requests = counter('requests_total', 'Answers, by operation and status code.', [
      'operation',
      'code',
    ]);
    this.changes = counter('changes_total', 'Changes of bans that were tried, by result.', [
      'act',
      'result',
    ]);
    this.limited = counter('limited_total', 'Requests refused for their rate, by whose it was.', [
      'scope',
    ]);
    this.storeFailures = counter('store_failures_total', 'Questions that the store failed.');
    this.displaced = counter(
      'connections_displaced_total',
      'Connections closed to make room for newer ones.',
    );
    this.#logouts = counter('logouts_total', 'Logout tokens by outcome.', ['outcome']);
    this.seconds = new Histogram({
      name: `${prefix}_seconds`,
      help: 'Seconds from the headers of a request to its answer.',
      labelNames: ['operation'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30],
      registers,
    });
    this.#addExpiry(`${prefix}_certificate_not_after_seconds`, certificateNotAfter);
  }

  logout(outcome: LogoutRefusal | 'done' | 'keys_away' | 'store_failed'): void {
    this.#logouts.labels(outcome).inc();
  }

  /** Shows what is followed, too. */
  follow(lists: () => readonly MetricFamily[]): void {
    this.#lists = lists;
  }

  /** The text of a scrape. */
  async text(): Promise<string> {
    return `${await this.registry.metrics()}\n${metricsText(this.#lists())}`;
  }

  #addExpiry(name: string, certificateNotAfter: () => number): void {
    new Gauge({
      name,
      help: 'When the first of the serving certificates expires, in Unix seconds.',
      registers: [this.registry],
      collect(): void {
        this.set(certificateNotAfter());
      },
    });
  }
}
