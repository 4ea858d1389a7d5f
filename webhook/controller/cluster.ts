/** The cluster as the webhook sees it: watches into memory, and the controller of our ConfigMaps. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import { stringAt, type JsonObject } from '#kernel/json.ts';
import type { KubernetesApi } from '../kube/kubernetes-api.ts';
import { Controller, type OwnRevisionNow } from './controller.ts';
import { CountedApi } from '../kube/counted-api.ts';
import { EventWriter } from './events/event-writer.ts';
import { clusterMetrics } from './cluster-metrics.ts';
import { retryDelayMs } from '../kube/api-limits.ts';
import { defaultClusterLimits } from './cluster-limits.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { NamespaceQueue } from './namespace-queue.ts';
import { digestOf } from '../injection/config-map-contents.ts';
import { IdentityIndex } from './identity-index.ts';
import type { ConfigMapEntry, Identify, Judge } from './kept-objects.ts';
import { readPages } from '../kube/paged-list.ts';
import type { ClusterView, Held, ServerVersion } from './cluster-view.ts';
import type { MetricFamily, Log } from '#kernel/observe.ts';
import type { SourceConfigMap } from '../desired/desired.ts';
import type { RegistrationProblem } from '../desired/registrations.ts';
import type { StoredWishes } from './registrations/registration-loop.ts';
import { Reflector } from '../kube/reflector.ts';
import type { Follower, ReflectorOptions } from '../kube/reflector.ts';
import { isMadeByControllers, workloadKinds } from '../objects/kinds.ts';
import { configMaps, namespaces, workloads } from './watched-resources.ts';
import { ClusterStore } from './store.ts';
import type { Desire } from './desire.ts';
import { EnvoyFilterStore, type EnvoyFilterStanding } from './envoyfilters/envoy-filter-store.ts';

export interface ClusterOptions {
  readonly api: KubernetesApi;
  /** What should exist, by the newest configuration. */
  readonly desire: () => Desire;
  /** By the newest configuration. */
  readonly judge: Judge;
  /** By the newest configuration; absent: nothing is registered. */
  readonly identify?: Identify;
  /** What stands in the way of registrations in a namespace, for its events. */
  readonly registrationProblems?: (namespace: string) => readonly RegistrationProblem[];
  /** What others follow of the same API server, for `/metrics`. */
  readonly alsoFollowed?: readonly Follower[];
  /** Which of several installations this is; absent: there is one. */
  readonly revision?: OwnRevisionNow | undefined;
  /** Namespaces that are never touched, by the newest configuration. */
  readonly ignoredNamespaces: () => ReadonlySet<string>;
  /** Name of this replica: the pod's. */
  readonly instance: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits?: Partial<ClusterLimits>;
  /** Gives [0, 1); for waits only. */
  readonly random?: () => number;
}

const defaults = {
  random: Math.random,
  identify: () => undefined,
  registrationProblems: () => [],
  alsoFollowed: [],
};

const madeByControllers: ReadonlySet<string> = new Set(
  workloadKinds.filter(isMadeByControllers).map(({ resource }) => resource),
);

export class Cluster implements ClusterView {
  readonly #options: Required<Omit<ClusterOptions, 'revision'>> &
    Pick<ClusterOptions, 'revision'> & { readonly limits: ClusterLimits };
  readonly #api: CountedApi;
  readonly #store: ClusterStore;
  readonly #filters: EnvoyFilterStore;
  readonly #identities: IdentityIndex;
  readonly #wishListeners = new Set<(namespace: string) => void>();
  readonly #events: EventWriter;
  readonly #controller: Controller;
  /** Lists of single namespaces, where a label came. */
  readonly #fills: NamespaceQueue;
  #signal: AbortSignal | undefined;
  readonly #namespaces;
  readonly #workloads;
  readonly #configMaps;
  /** A cluster need not have the kind: nothing waits for it. */
  readonly #envoyFilters;
  #version: ServerVersion | undefined;

  constructor(options: ClusterOptions) {
    const limits = { ...defaultClusterLimits, ...options.limits };
    this.#api = new CountedApi(options.api);
    this.#options = { ...defaults, ...options, limits, api: this.#api };
    this.#events = new EventWriter(this.#options);
    this.#store = new ClusterStore({
      changed: (namespace) => {
        this.#controller.revise(namespace);
        // Its label may have come or gone.
        this.#wishesChanged(namespace);
      },
      configMapsWanted: (namespace) => {
        this.#fills.add(namespace, 0);
      },
      ignoredNamespaces: options.ignoredNamespaces,
      limits,
      revision: options.revision?.name,
    });
    this.#filters = new EnvoyFilterStore(() => this.#controller);
    this.#fills = this.#queueOfFills();
    const reflectorOptions: ReflectorOptions = this.#options;
    this.#namespaces = new Reflector(namespaces(this.#store), reflectorOptions);
    this.#identities = new IdentityIndex((namespace) => {
      this.#wishesChanged(namespace);
    });
    const keepers = { ...this.#options, store: this.#store, identities: this.#identities };
    this.#workloads = workloads(keepers).map((each) => new Reflector(each, reflectorOptions));
    this.#configMaps = new Reflector(configMaps(this.#store), reflectorOptions);
    this.#envoyFilters = new Reflector(this.#filters.followed(), reflectorOptions);
    this.#controller = new Controller({
      ...this.#options,
      store: this.#store,
      filters: this.#filters,
      events: this.#events,
      isCurrent: () => this.#isCurrent(),
    });
  }

  /** Which identities the stored objects wish, for whoever registers them. */
  get wishes(): StoredWishes {
    return {
      namespaces: () => this.#identities.namespaces(),
      groups: (namespace) => this.#identities.groups(namespace),
      standing: (namespace) => this.#store.standing(namespace),
      isCurrent: () => this.#isCurrent(),
    };
  }

  onWish(listener: (namespace: string) => void): void {
    this.#wishListeners.add(listener);
  }

  /** Looks at a namespace again: something stands in the way of its registrations, or no more. */
  revise(namespace: string): void {
    this.#controller.revise(namespace);
  }

  /** Follows the cluster until `signal` aborts. Returns at once; {@link missing} says when all is listed. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      this.#fills.close();
    });
    void this.#follow(signal);
    void this.#followVersion(signal);
  }

  /** Resolves when everything is in memory. */
  synced(): Promise<void> {
    return Promise.all(this.#reflectors().map((reflector) => reflector.synced())).then(
      () => undefined,
    );
  }

  /** What is not in memory yet, in words; empty = admission and controller can rely on it. */
  missing(): readonly string[] {
    const lists = this.#reflectors()
      .filter((reflector) => !reflector.isSynced)
      .map((reflector) => `the list of ${reflector.name}`);
    return this.#version === undefined ? [...lists, 'the version of the API server'] : lists;
  }

  configMap(namespace: string, name: string): SourceConfigMap | undefined {
    return this.#store.source(namespace, name);
  }

  held(namespace: string, name: string): Held | undefined {
    const there = this.#store.configMap(namespace, name);
    if (there === undefined) return undefined;
    return { isManaged: there.isManaged, holds: (data) => there.digest === digestOf(data) };
  }

  injection(namespace: string): string | undefined {
    return this.#store.injection(namespace);
  }

  envoyFilters(): EnvoyFilterStanding {
    return this.#filters.standing;
  }

  serverVersion(): ServerVersion | undefined {
    return this.#version;
  }

  /**
   * Looks at everything again by a new configuration: it may patch otherwise, and refuse or allow other requests.
   * @param withMade also at what controllers made: pods may be somebody else in SPIRE now
   */
  reviseAll(withMade = false): void {
    for (const reflector of this.#workloads) {
      if (withMade || !madeByControllers.has(reflector.name)) reflector.relist();
    }
    this.#store.reviseNamespaces();
    this.#controller.reviseAll();
  }

  /** Sentences: which ConfigMaps cannot be made, and why. */
  problems(): readonly string[] {
    return this.#controller.problems();
  }

  /** For `/metrics`. */
  metrics(): readonly MetricFamily[] {
    return clusterMetrics({
      reflectors: [...this.#reflectors(), this.#envoyFilters, ...this.#options.alsoFollowed],
      calls: this.#api.counts,
      writes: this.#controller.counts,
      filters: { ...this.#controller.filterCounts, standing: this.#filters.standing },
      renderings: this.#controller.renderings,
      backlog: this.#controller.backlog,
      events: this.#events.counts,
      eventsWaiting: this.#events.waiting,
      problems: this.problems().length,
      sizes: { ...this.#store.sizes(), envoyFilters: this.#filters.size },
    });
  }

  /** Namespaces first, then users: so that only those ConfigMaps are ever held that are needed. */
  async #follow(signal: AbortSignal): Promise<void> {
    const run = (reflectors: readonly Follower[]): Promise<unknown> => {
      for (const reflector of reflectors) void reflector.run(signal);
      return Promise.all(reflectors.map((reflector) => reflector.synced()));
    };
    void this.#envoyFilters.run(signal);
    await run([this.#namespaces]);
    await run(this.#workloads);
    await run([this.#configMaps]);
    if (signal.aborted) return;
    this.#options.log.info(this.#store.sizes(), 'cluster state is in memory');
    this.#events.start(signal);
    this.#controller.start(signal);
  }

  #queueOfFills(): NamespaceQueue {
    const { limits, log, random } = this.#options;
    return new NamespaceQueue({
      work: (namespace) => this.#fill(namespace),
      failed: (namespace, thrown) => {
        const fields = { namespace, fault: messageOf(thrown) };
        log.warn(fields, 'cannot list the ConfigMaps of a namespace, trying again');
      },
      limits: { ...limits, looksAtOnce: limits.fillsAtOnce, lookEveryMs: limits.fillEveryMs },
      random,
    });
  }

  /** Only where a label came to a namespace that was there: its ConfigMaps were not kept. */
  async #fill(namespace: string): Promise<undefined> {
    const filling = this.#store.filling(namespace);
    if (filling === undefined || this.#signal === undefined) return;
    const { limits } = this.#options;
    const resource = configMaps(this.#store);
    const entries: ConfigMapEntry[] = [];
    const sift = this.#store.sifter();
    const take = (item: JsonObject): void => {
      const entry = resource.slim(item);
      if (entry !== undefined) entries.push(sift(entry));
    };
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`;
    await readPages(path, { api: this.#api, limits, take }, this.#signal);
    this.#store.fill(namespace, filling, entries);
  }

  /** Asks again now and then: the cluster may be upgraded under us. */
  async #followVersion(signal: AbortSignal): Promise<void> {
    const { api, limits, random, log } = this.#options;
    const isOver = (): boolean => signal.aborted;
    for (let failures = 0; !isOver();) {
      let delayMs = limits.resyncMs;
      try {
        this.#version = versionOf(await api.get('/version', signal)) ?? this.#version;
        failures = 0;
      } catch (thrown) {
        failures += 1;
        delayMs = retryDelayMs(failures, limits, random);
        if (!isOver())
          log.warn({ fault: messageOf(thrown) }, 'cannot read the version of the API server');
      }
      // The wait rejects when we are stopped in it; the loop then ends.
      await wait(delayMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  #isCurrent(): boolean {
    return this.#reflectors().every((reflector) => reflector.isCurrent);
  }

  #wishesChanged(namespace: string): void {
    for (const listener of this.#wishListeners) listener(namespace);
  }

  #reflectors(): readonly Follower[] {
    return [this.#namespaces, ...this.#workloads, this.#configMaps];
  }
}

/** @see version.Info: `minor` may end in "+" */
function versionOf(info: Parameters<typeof stringAt>[0]): ServerVersion | undefined {
  const major = Number.parseInt(stringAt(info, 'major') ?? '', 10);
  const minor = Number.parseInt(stringAt(info, 'minor') ?? '', 10);
  return Number.isNaN(major) || Number.isNaN(minor) ? undefined : { major, minor };
}
