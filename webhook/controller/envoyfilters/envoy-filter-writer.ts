/**
 * Makes EnvoyFilters what they should be; every replica does.
 * @see docs/adr/0142-an-envoyfilter-comes-before-its-configmap.md
 */
import { objectAt, type JsonObject } from '#kernel/json.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/observe.ts';
import type { ConfigMapProblem } from '../../desired/desired.ts';
import { restoredFilterEvents } from '../../desired/filter-events.ts';
import { envoyFilterKind } from '../../istio/istio-plan.ts';
import { ApiRefusal, type KubernetesApi } from '../../kube/kubernetes-api.ts';
import { readOne } from '../../kube/read-list.ts';
import type { ClusterLimits } from '../cluster-limits.ts';
import { Contests } from '../contests.ts';
import { isNamespaceGoing, type EventWriter } from '../events/event-writer.ts';
import type { Removal } from '../unused.ts';
import type { EnvoyFilterStore } from './envoy-filter-store.ts';
import { nameTaken, stepFor, type EnvoyFilterTarget } from './plan-envoy-filters.ts';
import { envoyFilterPath, slimEnvoyFilter, type EnvoyFilterEntry } from './stored-envoy-filters.ts';

export interface EnvoyFilterWriterOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly limits: ClusterLimits;
  readonly filters: EnvoyFilterStore;
  /** Whether a ConfigMap of ours has this name: then its EnvoyFilter was there before. */
  readonly hasConfigMap: (namespace: string, name: string) => boolean;
  /** Of the installation; empty for the one without a name. */
  readonly revision: string;
  readonly events: EventWriter;
  readonly log: Log;
}

/** `stands`: it is as it should be; `gone`: it is not, so that no pod may start; `unsettled`: neither is known. */
export interface Written {
  readonly state: 'stands' | 'gone' | 'unsettled';
  readonly problem?: ConfigMapProblem;
  /** Milliseconds until it wants to be tried again, if it was put off. */
  readonly againInMs?: number;
  /** What the server refused, to be tried again. */
  readonly failure?: unknown;
}

/** `restored`: somebody had changed or deleted it. */
type Outcome = 'created' | 'failed' | 'removed' | 'replaced' | 'restored';

/** Nothing was written. */
export const standsAlready: Written = Object.freeze({ state: 'stands' });
const stands: Written = Object.freeze({ state: 'stands' });
const conflict = 409;

export class EnvoyFilterWriter {
  readonly counts: Record<Outcome, number> = {
    created: 0,
    failed: 0,
    removed: 0,
    replaced: 0,
    restored: 0,
  };
  readonly #options: EnvoyFilterWriterOptions;
  readonly #contests: Contests;
  #signal: AbortSignal | undefined;

  constructor(options: EnvoyFilterWriterOptions) {
    this.#options = options;
    this.#contests = new Contests(options.limits);
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
  }

  /** @throws {AppError} CLUSTER_UNREACHABLE where nobody answers */
  async bring(target: EnvoyFilterTarget): Promise<Written> {
    const there = this.#options.filters.get(target.namespace, target.name);
    const step = stepFor(there, target);
    try {
      switch (step.kind) {
        case 'none':
          return standsAlready;
        case 'create':
          return await this.#create(target);
        case 'replace':
          return await this.#putRight(target, there);
        default:
          return step satisfies never;
      }
    } catch (thrown) {
      if (!(thrown instanceof ApiRefusal)) throw thrown;
      if (isNamespaceGoing(thrown)) return { state: 'unsettled' };
      // Somebody was faster, perhaps another replica: the next look sees what came of it.
      if (thrown.status === conflict) return { state: 'unsettled', againInMs: 0 };
      this.counts.failed += 1;
      const state = there !== undefined && isSpec(there, target) ? 'stands' : 'gone';
      return { state, problem: refusedBy(thrown, target), failure: thrown };
    }
  }

  /** As it was seen: one that was changed or made anew in between stays. */
  async remove(namespace: string, { name, uid, resourceVersion }: Removal): Promise<void> {
    const { api, log } = this.#options;
    try {
      const path = envoyFilterPath(namespace, name);
      await api.remove(path, { uid, resourceVersion }, this.#running());
    } catch (thrown) {
      if (!(thrown instanceof ApiRefusal && thrown.status === 404)) throw thrown;
    }
    this.counts.removed += 1;
    this.#contests.forget({ namespace, name });
    log.info({ namespace, name }, 'unused EnvoyFilter removed');
  }

  async #create(target: EnvoyFilterTarget): Promise<Written> {
    const { api, hasConfigMap } = this.#options;
    const { namespace, name } = target;
    try {
      const body = bodyOf(target, { name, namespace });
      const made = await api.create(envoyFilterPath(namespace), body, this.#running());
      const entry = this.#wrote(target, made);
      if (hasConfigMap(namespace, name)) this.#restored(target, entry, 'deleted');
      else this.counts.created += 1;
      return stands;
    } catch (thrown) {
      if (!(thrown instanceof ApiRefusal && thrown.status === conflict)) throw thrown;
      return this.#putRight(target, undefined);
    }
  }

  /** @param known what the watch told of it; what is there now is asked for, as labels of others stay */
  async #putRight(
    target: EnvoyFilterTarget,
    known: EnvoyFilterEntry | undefined,
  ): Promise<Written> {
    const { api, filters, clock, limits } = this.#options;
    if (this.#contests.isWritten(target, known?.resourceVersion)) return standsAlready;
    const againInMs = this.#contests.waitMs(target, clock.now());
    if (known !== undefined && againInMs > 0) return { state: 'unsettled', againInMs };
    const path = envoyFilterPath(target.namespace, target.name);
    const object = await readOne(api, path, this.#running());
    if (object === undefined) return { state: 'gone', againInMs: 0 };
    const there = slimEnvoyFilter(object);
    if (!there.isManaged)
      return { state: 'gone', problem: nameTaken(target), againInMs: limits.lastRetryMs };
    filters.answer(there);
    const step = stepFor(there, target);
    if (step.kind !== 'replace') return stands;
    const body = bodyOf(target, objectAt(object, 'metadata'));
    const entry = this.#wrote(target, await api.replace(path, body, this.#running()));
    if (step.isSpecOther) this.#restored(target, entry, 'changed');
    else this.counts.replaced += 1;
    return stands;
  }

  #wrote(target: EnvoyFilterTarget, answer: JsonObject): EnvoyFilterEntry {
    const { filters, clock, log } = this.#options;
    const { namespace, name } = target;
    const entry = slimEnvoyFilter(answer);
    filters.answer(entry);
    this.#contests.wrote(target, entry.resourceVersion, clock.now());
    log.debug({ namespace, name }, 'EnvoyFilter written');
    return entry;
  }

  #restored(
    target: EnvoyFilterTarget,
    { uid, resourceVersion }: EnvoyFilterEntry,
    harm: 'changed' | 'deleted',
  ): void {
    const { namespace, name } = target;
    this.counts.restored += 1;
    this.#options.log.warn({ namespace, name, harm }, 'EnvoyFilter was not as it should be');
    const object = { ...target, uid, resourceVersion };
    for (const event of restoredFilterEvents(object, harm)) this.#options.events.say(event);
  }

  #running(): AbortSignal {
    if (this.#signal === undefined) throw new TypeError('the controller was not started');
    return this.#signal;
  }
}

function isSpec(there: EnvoyFilterEntry, { digest }: EnvoyFilterTarget): boolean {
  return there.digest === digest;
}

/** @param metadata of what is there: labels and annotations of others stay */
function bodyOf(
  { labels, annotations, spec }: EnvoyFilterTarget,
  metadata: JsonObject,
): JsonObject {
  const { apiVersion, kind } = envoyFilterKind;
  const { managedFields: _managers, ...kept } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      ...kept,
      labels: { ...objectAt(metadata, 'labels'), ...labels },
      annotations: { ...objectAt(metadata, 'annotations'), ...annotations },
    },
    spec: spec(),
  };
}

function refusedBy(
  refusal: ApiRefusal,
  { namespace, name, users }: EnvoyFilterTarget,
): ConfigMapProblem {
  const message = `EnvoyFilter ${namespace}/${name} cannot be written, so pods that need it do not start: ${refusal.message}; see that istiod answers, and what Istio or a policy has against it`;
  return { reason: 'EnvoyFilterRefused', message, users };
}
