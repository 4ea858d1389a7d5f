/**
 * The certificate that svidecar issues itself: authority and leaf in one Secret, issued and renewed by the leader, served by
 * every replica. Planning is in `plan/`; here its steps are carried out.
 */
import type { Timers } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import type { Log } from '#kernel/observe.ts';
import { ringAfter, rotationState } from './carry-out.ts';
import { emptyRing, readKeyRing, writeKeyRing, type KeyRing } from './key-ring.ts';
import type { CertificateView } from './plan/certificate-view.ts';
import type { Lives } from './plan/lives.ts';
import { planRotation, type RotationStep } from './plan/plan-rotation.ts';
import type { KeyStore, Leadership, StoredKeys } from './certificate-ports.ts';
import { Rounds } from './rounds.ts';
import { ServedLeaf } from './served-leaf.ts';
import type { Trust } from './trust.ts';

export interface SelfSignedOptions {
  readonly store: KeyStore;
  readonly trust: Trust;
  readonly leadership: Leadership;
  readonly lives: Lives;
  /** What the API server calls: DNS names and IP addresses. */
  readonly hosts: readonly string[];
  readonly timers: Timers;
  readonly log: Log;
  /** Gives from 0 up to 1. */
  readonly random: () => number;
}

/** What this replica has issued as the leader. */
export interface SelfSignedCounts {
  leaf: number;
  authority: number;
  conflict: number;
}

/** Milliseconds after which a missed timer is caught up at the latest. */
const longestTickMs = 60_000;
/** Rounds in a leaf's life: a short one is checked more often. */
const ticksInLeaf = 30;

export class SelfSigned {
  readonly counts: SelfSignedCounts = { leaf: 0, authority: 0, conflict: 0 };
  readonly served: ServedLeaf;
  readonly #options: SelfSignedOptions;
  readonly #rounds: Rounds;
  /** Authorities of the last good Secret: needed when it is lost. */
  #known: readonly CertificateView[] = [];
  #lastFaults = '';

  constructor(options: SelfSignedOptions) {
    this.#options = options;
    const { timers, lives, log, random, trust } = options;
    this.served = new ServedLeaf({ trust, log, clock: timers });
    this.#rounds = new Rounds({
      timers,
      random,
      tickMs: Math.min(longestTickMs, (lives.leafS * 1000) / ticksInLeaf),
      work: () => this.#round(),
      failed: (thrown, retryMs) => {
        const fields = { fault: messageOf(thrown), retryMs: Math.round(retryMs) };
        log.warn(fields, 'cannot manage certificates right now, trying again');
      },
    });
  }

  /** Consecutive rounds that failed. */
  get failures(): number {
    return this.#rounds.failures;
  }

  /** Follows Secret, caBundles and leadership until `signal` aborts. */
  start(signal: AbortSignal): void {
    const { store, trust, leadership } = this.#options;
    const wake = (): void => {
      this.#rounds.wake();
    };
    const ends = [store, trust, leadership].map((each) => each.onChange(wake));
    signal.addEventListener('abort', () => {
      for (const end of ends) end();
    });
    this.#rounds.start(signal);
  }

  async #round(): Promise<void> {
    const { store, trust, leadership } = this.#options;
    const stored = store.current();
    if (stored === undefined) return;
    const ring = stored === 'absent' ? emptyRing : readKeyRing(stored.data);
    if (ring.leaf !== undefined) this.served.offer(ring.leaf);
    const isLeader = leadership.isLeader();
    const wanted = authoritiesOf(ring);
    if (wanted.length > 0) this.#known = wanted;
    // A leaf must be renewed even if no caBundle can be written, and vice versa: a failure waits for the other.
    const [kept] = await Promise.allSettled([
      trust.keep(wanted, { isLeader, serving: this.served.chain() }),
    ]);
    if (isLeader) await this.#lead(stored, ring);
    if (kept.status === 'rejected') throw kept.reason;
  }

  async #lead(stored: StoredKeys | 'absent', ring: KeyRing): Promise<void> {
    const { trust, lives, hosts, log, store, timers } = this.#options;
    this.#tellFaults(ring);
    const nowS = timers.now() / 1000;
    const known = [...this.#known, ...trust.authorities()];
    const facts = { ring, inHand: this.served.leaf, known, hosts, nowS };
    const step = planRotation(rotationState(facts), {
      nowS,
      lives,
      isConfirmed: (fingerprint) => trust.isConfirmed(fingerprint),
    });
    if (step === 'keep') return;
    const after = await ringAfter(step, { ...facts, lives });
    const outcome = await store.write(writeKeyRing(after), stored);
    if (outcome === 'conflict') {
      this.counts.conflict += 1;
      log.info({ step }, 'the Secret was changed meanwhile: reading it again');
    } else {
      this.#count(step);
      log.info({ step }, 'certificates changed');
    }
    this.#rounds.wake();
  }

  #count(step: RotationStep): void {
    if (step === 'begin' || step === 'make_next') this.counts.authority += 1;
    if (step === 'begin' || step === 'promote' || step === 'issue_leaf') this.counts.leaf += 1;
  }

  #tellFaults({ faults }: KeyRing): void {
    const text = faults.join('; ');
    if (text !== '' && text !== this.#lastFaults) {
      this.#options.log.warn(
        { faults },
        'the Secret has contents that cannot be used: repairing it',
      );
    }
    this.#lastFaults = text;
  }
}

/** All that must be trusted, the newest first. */
function authoritiesOf({ next, signer, past }: KeyRing): readonly CertificateView[] {
  const keyed = [next, signer].flatMap((each) => (each === undefined ? [] : [each.view]));
  return [...keyed, ...past.filter((each) => each.isAuthority)];
}
