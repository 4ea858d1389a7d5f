/** Wires this folder: the serving certificate as the webhook sees it, whatever its source. No decisions. */
import type { Clock } from '#kernel/clock.ts';
import type { MetricFamily, Log } from '#kernel/observe.ts';
import { timersBy } from '../sidecar/workload-api/system-timers.ts';
import { certificateMetrics } from './certificate-metrics.ts';
import { readCertificates, type CertificateView } from './plan/certificate-view.ts';
import { defaultLives, type Lives } from './plan/lives.ts';
import { trustFaults } from './plan/verdict.ts';
import type {
  CertificateSource,
  HookConfigurations,
  KeyStore,
  Leadership,
} from './certificate-ports.ts';
import { SelfSigned } from './self-signed.ts';
import { openSvids } from './open-svids.ts';
import { SpiffeCertificates } from './spiffe.ts';
import { Trust } from './trust.ts';

/** Where the serving certificate comes from. */
export type CertificateChoice =
  /** svidecar's own authority, kept in a Secret. */
  | { readonly kind: 'self_signed'; readonly lives: Lives; readonly store: KeyStore }
  /** Somebody else's, who also keeps the caBundle. */
  | { readonly kind: 'given'; readonly source: GivenSource }
  /** SPIRE's, from the Workload API at `address`. */
  | { readonly kind: 'spiffe'; readonly address: string };

/** Others renew what it gives; `failures`: looks in a row that found no good pair. */
export interface GivenSource extends CertificateSource {
  readonly failures: number;
}

export interface CertificateContext {
  readonly configurations: HookConfigurations;
  readonly leadership: Leadership;
  /** What the API server calls: DNS names and IP addresses. */
  readonly hosts: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** Gives from 0 up to 1. */
  readonly random: () => number;
}

export interface ServingCertificate {
  readonly source: CertificateSource;
  /** What keeps API servers from trusting us, as sentences; empty = nothing known. */
  untrusted(): readonly string[];
  metrics(): readonly MetricFamily[];
  start(signal: AbortSignal): void;
}

/** Milliseconds between checks of caBundles where SPIRE renews the certificate. */
const spiffeTickMs = 60_000;

/** @throws {AppError} CONFIG_INVALID when the address of the Workload API is invalid */
export async function openCertificate(
  choice: CertificateChoice,
  context: CertificateContext,
): Promise<ServingCertificate> {
  const { configurations, clock, log } = context;
  const lives = choice.kind === 'self_signed' ? choice.lives : defaultLives;
  const isOurs = choice.kind !== 'given';
  const settleMs = lives.settleS * 1000;
  const trust = new Trust({ configurations, clock, log, settleMs, isOurs });
  const common = { ...context, trust, timers: timersBy(clock) };
  switch (choice.kind) {
    case 'self_signed':
      return new Serving(trust, common, new SelfSigned({ ...common, ...choice }));
    case 'spiffe': {
      const svids = await openSvids(choice.address);
      const spiffe = new SpiffeCertificates({ ...common, svids, tickMs: spiffeTickMs });
      return new Serving(trust, common, spiffe);
    }
    case 'given':
      return new Serving(trust, common, new Given(choice.source));
    default:
      return choice satisfies never;
  }
}

/** What the sources have in common; a pair from files has nothing to start. */
interface Keeper {
  readonly served: CertificateSource;
  readonly counts?: {
    readonly leaf: number;
    readonly authority: number;
    readonly conflict: number;
  };
  readonly failures?: number;
  problem?(): string | undefined;
  start?(signal: AbortSignal): void;
}

class Given implements Keeper {
  readonly served: GivenSource;

  constructor(source: GivenSource) {
    this.served = source;
  }

  get failures(): number {
    return this.served.failures;
  }
}

class Serving implements ServingCertificate {
  readonly source: CertificateSource;
  readonly #trust: Trust;
  readonly #context: CertificateContext;
  readonly #keeper: Keeper;
  #rotatedAtS: number | undefined;
  #startedMs: number | undefined;
  #chain: { readonly text: string; readonly views: readonly CertificateView[] } | undefined;

  constructor(trust: Trust, context: CertificateContext, keeper: Keeper) {
    this.#trust = trust;
    this.#context = context;
    this.#keeper = keeper;
    this.source = keeper.served;
    this.source.onChange(() => {
      this.#rotatedAtS = context.clock.now() / 1000;
    });
  }

  start(signal: AbortSignal): void {
    this.#startedMs = this.#context.clock.now();
    this.#keeper.start?.(signal);
  }

  untrusted(): readonly string[] {
    const { clock } = this.#context;
    const sinceStartMs = clock.now() - (this.#startedMs ?? clock.now());
    const chain = this.#served();
    const verdict = chain === undefined ? undefined : this.#trust.verdict(chain);
    return trustFaults({ verdict, sinceStartMs, problem: this.#keeper.problem?.() });
  }

  metrics(): readonly MetricFamily[] {
    const { counts, failures = 0 } = this.#keeper;
    const { written, conflict } = this.#trust.counts;
    const chain = this.#served();
    return certificateMetrics({
      verdict: chain === undefined ? undefined : this.#trust.verdict(chain),
      rotatedAtS: this.#rotatedAtS,
      isLeader: this.#keeper.start === undefined ? undefined : this.#context.leadership.isLeader(),
      made: counts === undefined ? {} : { leaf: counts.leaf, authority: counts.authority },
      writes: [
        { object: 'webhook_configuration', outcome: 'written', count: written },
        { object: 'webhook_configuration', outcome: 'conflict', count: conflict },
        ...(counts === undefined
          ? []
          : [{ object: 'secret', outcome: 'conflict', count: counts.conflict }]),
      ],
      failures,
    });
  }

  /** Parsed once for each pair. */
  #served(): readonly CertificateView[] | undefined {
    const pair = this.source.current();
    if (pair === undefined) return undefined;
    if (this.#chain?.text !== pair.certificate) {
      this.#chain = { text: pair.certificate, views: readCertificates(pair.certificate) };
    }
    return this.#chain.views;
  }
}
