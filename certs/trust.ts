/**
 * Which authorities the API server trusts for us: read from our webhook configurations, and corrected there.
 *
 * The leader makes each caBundle hold what is wanted and nothing else. A follower that has not been trusted for a while adds
 * what it needs itself, and removes nothing: so no replica depends on a leader of another version or configuration.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/observe.ts';
import { anchorOf } from './plan/anchor.ts';
import { isLive, readCertificates, unique, type CertificateView } from './plan/certificate-view.ts';
import { planBundle } from './plan/plan-bundle.ts';
import type { TrustVerdict } from './plan/verdict.ts';
import type { Hook, HookConfiguration, HookConfigurations } from './certificate-ports.ts';

export interface TrustOptions {
  readonly configurations: HookConfigurations;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds that an authority must have been in every caBundle before it counts as confirmed. */
  readonly settleMs: number;
  /** Whether an empty caBundle means "not yet" (we write it) or "the system's authorities" (somebody else does). */
  readonly isOurs: boolean;
}

export interface TrustCounts {
  written: number;
  conflict: number;
}

/** Settles during which a certificate that nobody wants may stay: another replica may be serving a leaf of it. */
const strangerSettles = 3;
/** Settles after which a follower adds what it needs itself: a leader is found, and acts, within one. */
const followerSettles = 0.5;
/** Writes of one configuration in a minute before further ones wait: something else keeps writing it. */
const writesAMinute = 12;
const minuteMs = 60_000;

export class Trust {
  readonly counts: TrustCounts = { written: 0, conflict: 0 };
  readonly #options: TrustOptions;
  /** Since when an authority is in every caBundle, by fingerprint, in milliseconds. */
  #everywhereSince = new Map<string, number>();
  #strangersSince = new Map<string, number>();
  #untrustedSince: number | undefined;
  readonly #writes = new Map<string, readonly number[]>();

  constructor(options: TrustOptions) {
    this.#options = options;
    options.configurations.onChange(() => {
      this.#observe();
    });
  }

  onChange(listener: () => void): () => void {
    return this.#options.configurations.onChange(listener);
  }

  /** Whether the API server would accept this chain, by each of our hooks. */
  verdict(chain: readonly CertificateView[]): TrustVerdict {
    const hooks = this.#hooks();
    if (hooks === undefined) return { kind: 'unknown', isListed: false };
    const { isOurs, clock } = this.#options;
    const nowS = clock.now() / 1000;
    // Where somebody else manages the caBundle, an empty one means that the system's authorities decide.
    const asked = isOurs ? hooks : hooks.filter((hook) => hook.caBundle !== '');
    if (asked.length === 0) return { kind: 'unknown', isListed: true };
    const anchors = asked.map((hook) =>
      anchorOf({ chain, host: hook.host }, readCertificates(hook.caBundle), nowS),
    );
    const refusing = asked.filter((_hook, index) => anchors[index] === undefined);
    const [anchor] = anchors;
    if (refusing.length > 0 || anchor === undefined) {
      return { kind: 'untrusted', hooks: refusing.map((hook) => hook.name) };
    }
    return { kind: 'trusted', anchor };
  }

  /** Whether the authority has been in every caBundle for the whole settling time. True when there is no hook at all. */
  isConfirmed(fingerprint: string): boolean {
    this.#observe();
    if (this.#hooks()?.length === 0) return true;
    const since = this.#everywhereSince.get(fingerprint);
    return since !== undefined && this.#options.clock.now() - since >= this.#options.settleMs;
  }

  /** Every authority in any of our caBundles. */
  authorities(): readonly CertificateView[] {
    return unique((this.#hooks() ?? []).flatMap((hook) => readCertificates(hook.caBundle)));
  }

  /**
   * Writes what is not as it should be, and nothing else.
   * @param wanted authorities, the newest first
   * @param role a follower passes the chain that it serves
   * @throws {AppError} CLUSTER_UNREACHABLE, or what the API server refused
   */
  async keep(
    wanted: readonly CertificateView[],
    role: { readonly isLeader: boolean; readonly serving: readonly CertificateView[] | undefined },
  ): Promise<void> {
    this.#observe();
    if (wanted.length === 0 || !this.#mayWrite(role)) return;
    const isWanted = new Set(wanted.map((each) => each.fingerprint));
    this.#noteStrangers(isWanted);
    for (const configuration of this.#options.configurations.current() ?? []) {
      await this.#keepOne(configuration, wanted, role.isLeader);
    }
  }

  #mayWrite(role: Parameters<Trust['keep']>[1]): boolean {
    if (role.isLeader) return true;
    if (role.serving === undefined) return false;
    const nowMs = this.#options.clock.now();
    if (this.verdict(role.serving).kind !== 'untrusted') {
      this.#untrustedSince = undefined;
      return false;
    }
    this.#untrustedSince = Math.min(this.#untrustedSince ?? nowMs, nowMs);
    return nowMs - this.#untrustedSince >= this.#options.settleMs * followerSettles;
  }

  async #keepOne(
    configuration: HookConfiguration,
    wanted: readonly CertificateView[],
    isLeader: boolean,
  ): Promise<void> {
    const { clock, configurations, log } = this.#options;
    const facts = {
      wanted,
      mayStay: (each: CertificateView): boolean => !isLeader || this.#isTolerated(each),
      nowS: clock.now() / 1000,
    };
    const bundles = new Map<string, string>();
    for (const hook of configuration.hooks) {
      const text = planBundle(hook.caBundle, facts);
      if (text !== undefined) bundles.set(hook.name, text);
    }
    if (bundles.size === 0 || this.#isTooOften(configuration)) return;
    const outcome = await configurations.writeBundles(configuration, bundles);
    this.counts[outcome] += 1;
    if (outcome === 'conflict') return;
    const { name, otherWriters } = configuration;
    log.info(
      { configuration: name, hooks: [...bundles.keys()], otherWriters },
      'caBundle updated: it did not hold the authorities in use',
    );
  }

  /** A competing writer must not make us write forever. */
  #isTooOften({ name, otherWriters }: HookConfiguration): boolean {
    const nowMs = this.#options.clock.now();
    const recent = (this.#writes.get(name) ?? []).filter(
      (at) => at <= nowMs && at > nowMs - minuteMs,
    );
    const isTooOften = recent.length >= writesAMinute;
    this.#writes.set(name, isTooOften ? recent : [...recent, nowMs]);
    if (isTooOften) {
      this.#options.log.warn(
        { configuration: name, otherWriters },
        'something else keeps writing the caBundle; let only one of the two do it (see docs/certificates.md)',
      );
    }
    return isTooOften;
  }

  #hooks(): readonly Hook[] | undefined {
    return this.#options.configurations.current()?.flatMap((each) => each.hooks);
  }

  #observe(): void {
    const hooks = this.#hooks();
    if (hooks === undefined) return;
    const nowMs = this.#options.clock.now();
    const bundles = hooks.map((hook) => readCertificates(hook.caBundle));
    const everywhere = (bundles[0] ?? []).filter(
      (each) =>
        isLive(each, nowMs / 1000) &&
        bundles.every((bundle) => bundle.some((other) => other.fingerprint === each.fingerprint)),
    );
    this.#everywhereSince = since(everywhere, this.#everywhereSince, nowMs);
  }

  #noteStrangers(isWanted: ReadonlySet<string>): void {
    const strangers = this.authorities().filter((each) => !isWanted.has(each.fingerprint));
    this.#strangersSince = since(strangers, this.#strangersSince, this.#options.clock.now());
  }

  #isTolerated({ fingerprint }: CertificateView): boolean {
    const { clock, settleMs } = this.#options;
    const nowMs = clock.now();
    return nowMs - (this.#strangersSince.get(fingerprint) ?? nowMs) < strangerSettles * settleMs;
  }
}

/** When each was first seen without a break. A clock that was set back does not make them older than that. */
function since(
  seen: readonly CertificateView[],
  before: ReadonlyMap<string, number>,
  nowMs: number,
): Map<string, number> {
  return new Map(
    seen.map(({ fingerprint }) => [fingerprint, Math.min(before.get(fingerprint) ?? nowMs, nowMs)]),
  );
}
