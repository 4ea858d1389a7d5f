/**
 * Writes Events, slowly and once: only those that were not told yet, under names that follow from their contents, so
 * that replicas and restarts find what is there already.
 */
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/observe.ts';
import { clippedNote, eventName, type DesiredEvent } from '../../desired/events.ts';
import { isNamespaceEnding } from '../../kube/api-words.ts';
import { ApiRefusal } from '../../kube/kubernetes-api.ts';
import type { KubernetesApi } from '../../kube/kubernetes-api.ts';
import type { ClusterLimits } from '../cluster-limits.ts';
import { FairQueue } from './fair-queue.ts';

export interface EventWriterOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ClusterLimits;
  /** Name of this replica. */
  readonly instance: string;
}

/** An event that should be there: when it was wanted first, and written last. */
interface Standing {
  readonly sinceMs: number;
  toldAtMs: number | undefined;
}

/** `existed`: another replica, or this one before its restart, had written it. */
type Outcome = 'written' | 'existed' | 'failed' | 'dropped';

const reportingController = 'svidecar.dev/webhook';

export class EventWriter {
  readonly counts: Record<Outcome, number> = { written: 0, existed: 0, failed: 0, dropped: 0 };
  readonly #options: EventWriterOptions;
  /** By namespace, then by the event's name. */
  readonly #standing = new Map<string, Map<string, Standing>>();
  readonly #waiting: FairQueue<DesiredEvent>;
  #allowance: number;
  #allowedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #signal: AbortSignal | undefined;

  constructor(options: EventWriterOptions) {
    this.#options = options;
    this.#allowance = options.limits.eventBurst;
    const { eventsWaiting: all, eventsWaitingEach: each } = options.limits;
    this.#waiting = new FairQueue({ all, each });
  }

  /** Events that wait to be written. */
  get waiting(): number {
    return this.#waiting.size;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      clearTimeout(this.#timer);
      this.#waiting.clear();
    });
  }

  /**
   * All events that should exist in a namespace now. A warning must persist for a while before it is written.
   * @returns milliseconds until the next is due, if any
   */
  stand(namespace: string, events: readonly DesiredEvent[]): number | undefined {
    const { clock, limits } = this.#options;
    const before = this.#standing.get(namespace);
    const now = new Map<string, Standing>();
    if (events.length === 0) this.#standing.delete(namespace);
    else this.#standing.set(namespace, now);
    let againInMs: number | undefined;
    for (const event of events) {
      const name = eventName(event);
      const known = before?.get(name) ?? { sinceMs: clock.now(), toldAtMs: undefined };
      now.set(name, known);
      const isTold = clock.now() - (known.toldAtMs ?? 0) < limits.retellMs;
      if (isTold) continue;
      const leftMs = event.type === 'Normal' ? 0 : known.sinceMs + limits.settleMs - clock.now();
      if (leftMs <= 0) this.say(event, name);
      else againInMs = Math.min(againInMs ?? leftMs, leftMs);
    }
    return againInMs;
  }

  /** Writes one event, when its turn comes. */
  say(event: DesiredEvent, name = eventName(event)): void {
    if (this.#waiting.has(event.namespace, name)) return;
    if (this.#waiting.add(event.namespace, name, event)) this.#go();
    else this.counts.dropped += 1;
  }

  #go(): void {
    if (this.#isWriting || this.#signal === undefined || this.#signal.aborted) return;
    const next = this.#waiting.next();
    if (next === undefined) return;
    const waitMs = this.#allow();
    if (waitMs > 0) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#go();
      }, waitMs).unref();
      return;
    }
    const { namespace, key: name, item: event } = next;
    this.#isWriting = true;
    void this.#write(name, event, this.#signal).then(() => {
      this.#isWriting = false;
      this.#waiting.remove(namespace, name);
      this.#go();
    });
  }

  /** Takes one from the allowance. @returns milliseconds to wait when it is used up */
  #allow(): number {
    const { clock, limits } = this.#options;
    const nowMs = clock.now();
    const earned = Math.max(0, nowMs - this.#allowedAtMs) / limits.eventEveryMs;
    this.#allowance = Math.min(limits.eventBurst, this.#allowance + earned);
    this.#allowedAtMs = nowMs;
    if (this.#allowance < 1) return Math.ceil((1 - this.#allowance) * limits.eventEveryMs);
    this.#allowance -= 1;
    return 0;
  }

  /** Never rejects: an event is help for people, nothing depends on it. */
  async #write(name: string, event: DesiredEvent, signal: AbortSignal): Promise<void> {
    const { api, clock, log, instance } = this.#options;
    const { namespace, reason } = event;
    const path = `/apis/events.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/events`;
    try {
      await api.create(path, bodyOf(name, event, { instance, nowMs: clock.now() }), signal);
      this.counts.written += 1;
    } catch (thrown) {
      if (!isThere(thrown)) {
        this.counts.failed += 1;
        if (!signal.aborted && !isNamespaceGoing(thrown))
          log.warn({ namespace, reason, fault: messageOf(thrown) }, 'event not written');
        return;
      }
      this.counts.existed += 1;
    }
    const standing = this.#standing.get(namespace)?.get(name);
    if (standing !== undefined) standing.toldAtMs = clock.now();
  }
}

function isThere(thrown: unknown): boolean {
  return thrown instanceof ApiRefusal && thrown.status === 409;
}

/** In a namespace that is being deleted nothing can be made, and nothing needs to be. */
export function isNamespaceGoing(thrown: unknown): boolean {
  return thrown instanceof ApiRefusal && isNamespaceEnding(thrown);
}

/** @see events.k8s.io/v1 Event */
function bodyOf(
  name: string,
  { namespace, regarding, related, type, reason, action, note }: DesiredEvent,
  written: { readonly instance: string; readonly nowMs: number },
): JsonObject {
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace },
    // A MicroTime.
    eventTime: new Date(written.nowMs).toISOString().replace('Z', '000Z'),
    reportingController,
    // At most 128 characters are taken.
    reportingInstance: written.instance.slice(0, 128),
    type,
    reason,
    action,
    regarding: { ...regarding, namespace },
    ...(related === undefined ? {} : { related: { ...related, namespace } }),
    note: clippedNote(note),
  };
}
