/** Registrations in SPIRE by the running program: Lease, connection and loops put together. No decisions. */
import type { Clock } from '#kernel/clock.ts';
import type { Log, MetricFamily } from '#kernel/observe.ts';
import { ClusterSpiffeIdLoop } from '../clusterspiffeids/cluster-spiffe-id-loop.ts';
import { RelationshipLoop } from '../federation/relationship-loop.ts';
import { relationshipMetrics } from '../federation/relationship-metrics.ts';
import { leaseRecord } from '../federation/relationship-record.ts';
import { RegistrationBoard } from './registration-board.ts';
import { defaultRegistrationLimits, type RegistrationLimits } from './registration-limits.ts';
import { RegistrationLoop, type StoredWishes } from './registration-loop.ts';
import { registrationMetrics, SpireCalls, type RegistrationState } from './registration-metrics.ts';
import { registrationsLease, registrationsLeasePath } from './registrations-lease.ts';
import { SpireLead } from './spire-lead.ts';
import type { RegistrationProblem } from '../../desired/registrations.ts';
import type { KubernetesApi } from '../../kube/kubernetes-api.ts';
import type { LeaseTimes } from '../../kube/lease.ts';
import type { InjectorConfig } from '../../request/injector-config.ts';
import type { CallObserver, SpireServerApi } from '../../spire/spire-server-api.ts';

/** Opens a connection to the SPIRE server of a configuration. */
export type OpenSpire = (
  config: InjectorConfig['spire'],
  observe: CallObserver,
) => Promise<SpireServerApi>;

export interface RegistrarOptions {
  readonly api: KubernetesApi;
  /** svidecar's own. */
  readonly namespace: string;
  /** Of this replica, different for each start. */
  readonly identity: string;
  readonly config: () => InjectorConfig;
  /** Of several installations in a cluster only the default registers: an identity is the same whoever injects. */
  readonly isDefault: () => boolean;
  /** Namespaces that are never touched, our own among them. */
  readonly ignoredNamespaces: () => ReadonlySet<string>;
  readonly open: OpenSpire;
  readonly clock: Clock;
  readonly log: Log;
  readonly leaseTimes?: LeaseTimes;
  readonly limits?: Partial<RegistrationLimits>;
}

/** What is registered, and who is told what stands in its way. */
export interface RegisteredCluster {
  readonly wishes: StoredWishes;
  onWish(listener: (namespace: string) => void): void;
  revise(namespace: string): void;
  synced(): Promise<void>;
}

type KeptRegistrations = Pick<RegistrationState, 'counts' | 'writes' | 'lastSuccessMs'>;

const nothingKept: KeptRegistrations = {
  counts: undefined,
  writes: {},
  lastSuccessMs: undefined,
};

export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #board = new RegistrationBoard();
  readonly #calls = new SpireCalls();
  readonly #lead: SpireLead;
  readonly #relationships: RelationshipLoop;
  #loop: RegistrationLoop | undefined;
  #objects: ClusterSpiffeIdLoop | undefined;
  #open: { readonly of: string; readonly api: Promise<SpireServerApi> } | undefined;

  constructor(options: RegistrarOptions) {
    this.#options = options;
    const { api, namespace, identity, clock, log, leaseTimes } = options;
    this.#lead = new SpireLead({
      api,
      namespace,
      identity,
      clock,
      log,
      name: registrationsLease,
      random: Math.random,
      ...(leaseTimes === undefined ? {} : { times: leaseTimes }),
    });
    this.#relationships = new RelationshipLoop({
      record: leaseRecord(api, registrationsLeasePath(namespace)),
      leads: () => this.#lead.isLeader(),
      config: options.config,
      api: () => this.#spire(),
      changed: () => {
        this.#revise();
      },
      clock,
      log,
      limits: { ...defaultRegistrationLimits, ...options.limits },
      random: Math.random,
    });
  }

  problems(namespace: string): readonly RegistrationProblem[] {
    return this.#board.of(namespace);
  }

  /** Works once the cluster is known, until `signal` aborts. */
  async start(cluster: RegisteredCluster, signal: AbortSignal): Promise<void> {
    const { namespace, config, clock, log, limits } = this.#options;
    const loop = new RegistrationLoop({
      wishes: cluster.wishes,
      leads: () => this.#lead.isLeader(),
      config,
      api: () => this.#spire(),
      leaving: () => this.#relationships.leaving(),
      board: this.#board,
      place: { namespace, object: leaseReference },
      clock,
      log,
      random: Math.random,
      limits: { ...defaultRegistrationLimits, ...limits },
    });
    const objects = this.#objectsOf(cluster);
    this.#loop = loop;
    this.#objects = objects;
    cluster.onWish((changed) => {
      loop.changed(changed);
      objects.changed();
    });
    this.#board.onChange((changed) => {
      cluster.revise(changed);
    });
    this.#lead.onChange(() => {
      loop.reviseAll();
      objects.reviseAll();
      this.#relationships.revise();
    });
    await cluster.synced();
    if (signal.aborted) return;
    this.#seek();
    await Promise.all([loop.run(signal), objects.run(signal), this.#relationships.run(signal)]);
    this.#lead.seek(false);
    await this.#close();
  }

  /** There is a new configuration, or another default. */
  configurationChanged(): void {
    this.#revise();
    this.#objects?.reviseAll();
    this.#relationships.revise();
  }

  /** For `/metrics`; families without samples where nothing is registered. */
  metrics(): readonly MetricFamily[] {
    const kept = this.#kept();
    const families = registrationMetrics({
      isLeader: this.#lead.isLeader(),
      calls: this.#calls,
      ...(kept ?? nothingKept),
    });
    const unkept = families.map((family) => ({ ...family, samples: [] }));
    return [
      ...(kept === undefined ? unkept : families),
      ...relationshipMetrics(this.#relationships.counts()),
    ];
  }

  /** What is kept now, by the newest configuration. */
  #kept(): KeptRegistrations | undefined {
    const loop = this.#loop;
    const objects = this.#objects;
    if (loop === undefined || objects === undefined) return undefined;
    const { writes } = loop;
    const entries = { counts: loop.counts(), writes };
    const { registration } = this.#options.config();
    switch (registration) {
      case 'none':
        if (!this.#relationships.isNeeded()) return undefined;
        return { ...entries, lastSuccessMs: this.#relationships.lastSuccessMs };
      case 'entries':
        return { ...entries, lastSuccessMs: this.#allSince(loop.lastSuccessMs) };
      case 'clusterspiffeid': {
        const { counts, writes: made } = objects.keeper;
        return { counts, writes: made, lastSuccessMs: this.#allSince(objects.lastSuccessMs) };
      }
      default:
        return registration satisfies never;
    }
  }

  /** When registrations, and relationships where there are some, were both as they should; undefined: not yet. */
  #allSince(registeredMs: number | undefined): number | undefined {
    if (registeredMs === undefined || !this.#relationships.isNeeded()) return registeredMs;
    const { lastSuccessMs } = this.#relationships;
    return lastSuccessMs === undefined ? undefined : Math.min(registeredMs, lastSuccessMs);
  }

  /** Who leads, and what entries say, follows from the configuration and from the relationships. */
  #revise(): void {
    if (this.#loop === undefined) return;
    this.#seek();
    this.#loop.reviseAll();
  }

  #seek(): void {
    const { config, isDefault } = this.#options;
    const isNeeded = config().registration !== 'none' || this.#relationships.isNeeded();
    this.#lead.seek(isNeeded && isDefault());
  }

  #objectsOf(cluster: RegisteredCluster): ClusterSpiffeIdLoop {
    const { limits, ...options } = this.#options;
    return new ClusterSpiffeIdLoop({
      ...options,
      wishes: cluster.wishes,
      leads: () => this.#lead.isLeader(),
      random: Math.random,
      limits: { ...defaultRegistrationLimits, ...limits },
    });
  }

  /** The connection stays while the configuration names the same server. */
  async #spire(): Promise<SpireServerApi> {
    const { config, open } = this.#options;
    const { spire } = config();
    const of = JSON.stringify([spire.server, spire.workloadApi]);
    if (this.#open?.of !== of) {
      await this.#close();
      this.#open = { of, api: open(spire, this.#calls.observe) };
    }
    return this.#open.api;
  }

  async #close(): Promise<void> {
    const before = this.#open;
    this.#open = undefined;
    // What could not be opened needs no end.
    (await before?.api.catch(() => undefined))?.close();
  }
}

const leaseReference = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  name: registrationsLease,
  uid: '',
};
