/**
 * Leader election: the replica that holds the Lease leads. As in client-go, no clocks are compared across
 * machines, only how long the Lease was seen not to change; and a holder that cannot renew in time stops leading by itself.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/observe.ts';
import { ApiRefusal, type KubernetesApi } from './kubernetes-api.ts';
import { readOne } from './read-list.ts';

export interface LeaseTimes {
  /** Milliseconds after which a Lease that does not change may be taken. */
  readonly durationMs: number;
  /** Milliseconds without a renewal after which the holder stops leading: less than the duration. */
  readonly renewDeadlineMs: number;
  /** Milliseconds between checks. */
  readonly retryMs: number;
}

/** As kube-controller-manager's. */
const defaultLeaseTimes: LeaseTimes = Object.freeze({
  durationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryMs: 2_000,
});

export interface LeaseOptions {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly name: string;
  /** Of this replica, different for each start. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Gives from 0 up to 1. */
  readonly random: () => number;
  readonly times?: LeaseTimes;
}

/** A Lease as it was seen, and since when it has not changed. */
interface Seen {
  readonly version: string;
  readonly object: JsonObject;
  readonly sinceMs: number;
}

const conflict = 409;

export class Lease {
  readonly #options: LeaseOptions;
  readonly #times: LeaseTimes;
  readonly #listeners = new Set<() => void>();
  #seen: Seen | undefined;
  #renewedMs: number | undefined;
  /** What the listeners were last told. */
  #reported = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#times = options.times ?? defaultLeaseTimes;
  }

  /** Whether we hold it and have renewed in time: also after the machine was paused. */
  isLeader(): boolean {
    if (this.#renewedMs === undefined) return false;
    const ageMs = this.#options.clock.now() - this.#renewedMs;
    return ageMs >= 0 && ageMs < this.#times.renewDeadlineMs;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tries to lead until `signal` aborts; then releases the Lease, so that another need not wait. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look(signal);
      const delayMs = this.#times.retryMs * (1 + this.#options.random() / 5);
      // The wait rejects when we are stopped in it; the loop then ends.
      await wait(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
    await this.release();
  }

  /** Checks once, and takes or renews the Lease where that is up to us. Never rejects. */
  async look(signal: AbortSignal): Promise<void> {
    try {
      await this.#tryToLead(signal);
    } catch (thrown) {
      this.#failed(thrown, signal);
    }
    const leads = this.isLeader();
    if (leads === this.#reported) return;
    this.#reported = leads;
    this.#options.log.info(
      { leads },
      leads ? 'this replica is the leader' : 'this replica is no longer the leader',
    );
    for (const listener of this.#listeners) listener();
  }

  async #tryToLead(signal: AbortSignal): Promise<void> {
    const { api, clock, identity } = this.#options;
    const beganMs = clock.now();
    const object = await readOne(api, this.#path(), signal);
    if (object === undefined) {
      this.#took(await api.create(this.#listPath(), this.#lease({}), signal), beganMs);
      return;
    }
    const seen = this.#note(object, clock.now());
    const isOurs = holderOf(object) === identity;
    if (!isOurs) this.#renewedMs = undefined;
    if (!isOurs && !this.#isFree(seen)) return;
    this.#took(await api.replace(this.#path(), this.#lease(object), signal), beganMs);
  }

  #isFree({ object, sinceMs }: Seen): boolean {
    const ageMs = this.#options.clock.now() - sinceMs;
    return holderOf(object) === '' || ageMs >= durationOf(object, this.#times);
  }

  /** Setting the clock back makes no observation older or younger. */
  #note(object: JsonObject, nowMs: number): Seen {
    const version = stringAt(objectAt(object, 'metadata'), 'resourceVersion') ?? '';
    const before = this.#seen;
    const sinceMs = before?.version === version ? Math.min(before.sinceMs, nowMs) : nowMs;
    this.#seen = { version, object, sinceMs };
    return this.#seen;
  }

  #took(object: JsonObject, beganMs: number): void {
    this.#note(object, this.#options.clock.now());
    this.#renewedMs = beganMs;
  }

  #lease(before: JsonObject): JsonObject {
    const { name, namespace, identity, clock } = this.#options;
    const spec = objectAt(before, 'spec');
    const now = microTime(clock.now());
    const isOurs = holderOf(before) === identity;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, ...objectAt(before, 'metadata') },
      spec: {
        ...spec,
        holderIdentity: identity,
        leaseDurationSeconds: Math.max(1, Math.round(this.#times.durationMs / 1000)),
        acquireTime: isOurs ? (spec['acquireTime'] ?? now) : now,
        renewTime: now,
        leaseTransitions: Number(spec['leaseTransitions'] ?? 0) + (isOurs ? 0 : 1),
      },
    };
  }

  /** Releases the Lease, but only if we hold it and nobody has taken it since. Never rejects. */
  async release(): Promise<void> {
    const seen = this.#seen;
    if (!this.isLeader() || seen === undefined) return;
    this.#renewedMs = undefined;
    const { api } = this.#options;
    const spec = { ...objectAt(seen.object, 'spec'), holderIdentity: '', leaseDurationSeconds: 1 };
    const signal = AbortSignal.timeout(this.#times.retryMs);
    // If it is not released, it expires.
    await api.replace(this.#path(), { ...seen.object, spec }, signal).catch(() => undefined);
  }

  #failed(thrown: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    // Another replica was faster: the next check shows which.
    if (thrown instanceof ApiRefusal && thrown.status === conflict) return;
    this.#options.log.warn({ fault: messageOf(thrown) }, 'cannot renew the Lease, trying again');
  }

  #listPath(): string {
    const namespace = encodeURIComponent(this.#options.namespace);
    return `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  }

  #path(): string {
    return `${this.#listPath()}/${encodeURIComponent(this.#options.name)}`;
  }
}

/** Empty when nobody holds it. */
function holderOf(lease: JsonObject): string {
  return stringAt(objectAt(lease, 'spec'), 'holderIdentity') ?? '';
}

/** The holder's own duration, in milliseconds; a Lease without one is free after ours. */
function durationOf(lease: JsonObject, times: LeaseTimes): number {
  const seconds = objectAt(lease, 'spec')['leaseDurationSeconds'];
  return typeof seconds === 'number' ? seconds * 1000 : times.durationMs;
}

/** @see meta/v1 MicroTime */
function microTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z');
}
