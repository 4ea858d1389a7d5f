/** Prometheus metrics of the webhook, in a registry of their own. Labels are bounded: a flood of new values is counted as `other`. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { metricsText } from '#kernel/metrics-text.ts';
import type { MetricFamily } from '#kernel/observe.ts';
import type { ReviewAnswer } from '../admission/review.ts';

/** Different (kind, decision, reason) triples; about 8 kinds × 20 reasons are real. */
const maxSeries = 400;

const cutFigure = {
  name: 'svidecar_bodies_cut_total',
  help: 'Bodies cut off because they arrived slowly and others needed their memory.',
};
const displacedFigure = {
  name: 'svidecar_connections_displaced_total',
  help: 'Connections closed to make room for newer ones.',
};

export interface MetricsSources {
  /** Unix seconds, NaN while there is no certificate. */
  readonly certificateNotAfter: () => number;
  /** As `/readyz` says. */
  readonly isReady: () => boolean;
  readonly largeWaiting: () => number;
  readonly others: () => readonly MetricFamily[];
}

export class Metrics {
  readonly registry = new Registry();
  readonly inFlight: Gauge;
  readonly cut: Counter;
  readonly displaced: Counter;
  readonly #sources: MetricsSources;
  readonly #reviews: Counter<'kind' | 'decision' | 'reason'>;
  readonly #series = new Map<string, { inc(): void }>();
  readonly #seconds: Histogram;
  readonly #bytes: Histogram;
  readonly #refusals: Counter<'code'>;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#reviews = new Counter({
      name: 'svidecar_reviews_total',
      help: 'Answered admission reviews by kind of object, decision and reason.',
      labelNames: ['kind', 'decision', 'reason'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'svidecar_review_seconds',
      help: 'Seconds from the headers of a review to its answer.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    });
    this.#bytes = new Histogram({
      name: 'svidecar_review_bytes',
      help: 'Size of the bodies of reviews.',
      buckets: [2_048, 8_192, 32_768, 131_072, 524_288, 1_048_576, 3_145_728, 7_340_032],
      registers,
    });
    this.#refusals = new Counter({
      name: 'svidecar_http_refusals_total',
      help: 'Requests answered with an HTTP error, by status code.',
      labelNames: ['code'],
      registers,
    });
    this.cut = new Counter({ ...cutFigure, registers });
    this.displaced = new Counter({ ...displacedFigure, registers });
    this.inFlight = new Gauge({
      name: 'svidecar_reviews_in_flight',
      help: 'Reviews being read or worked on.',
      registers,
    });
    this.#addGauges();
  }

  reviewed(answer: Pick<ReviewAnswer, 'kind' | 'reason'> & { readonly decision: string }): void {
    const key = `${answer.kind} ${answer.decision} ${answer.reason}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      if (this.#series.size >= maxSeries) {
        this.#reviews.labels('other', 'other', 'other').inc();
        return;
      }
      series = this.#reviews.labels(answer.kind, answer.decision, answer.reason);
      this.#series.set(key, series);
    }
    series.inc();
  }

  took(seconds: number, bytes: number): void {
    this.#seconds.observe(seconds);
    this.#bytes.observe(bytes);
  }

  refused(code: number): void {
    this.#refusals.labels(String(code)).inc();
  }

  /** The text of a scrape. */
  async text(): Promise<string> {
    const own = await this.registry.metrics();
    return `${own}\n${metricsText(this.#sources.others())}`;
  }

  #addGauges(): void {
    const registers = [this.registry];
    const { certificateNotAfter, isReady, largeWaiting } = this.#sources;
    new Gauge({
      name: 'svidecar_webhook_ready',
      help: 'Whether reviews are to be sent here, as /readyz says.',
      registers,
      collect(): void {
        this.set(Number(isReady()));
      },
    });
    new Gauge({
      name: 'svidecar_certificate_not_after_seconds',
      help: 'When the serving certificate expires, in Unix seconds.',
      registers,
      collect(): void {
        this.set(certificateNotAfter());
      },
    });
    new Gauge({
      name: 'svidecar_large_reviews_waiting',
      help: 'Large bodies waiting for their turn.',
      registers,
      collect(): void {
        this.set(largeWaiting());
      },
    });
  }
}
