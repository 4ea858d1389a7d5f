/**
 * Keeps our ClusterSPIFFEID objects as wanted. They are few, and read whenever something may have changed, and now and then.
 * Only the leader works.
 */
import type { Clock } from '#kernel/clock.ts';
import { AppError } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/observe.ts';
import {
  wantedClusterSpiffeIds,
  type StoredFederations,
  type WantedClusterSpiffeId,
} from '../../desired/cluster-spiffe-ids.ts';
import { managedBy } from '../../desired/desired.ts';
import type { KubernetesApi } from '../../kube/kubernetes-api.ts';
import { pathOf } from '../../kube/read-list.ts';
import type { InjectorConfig } from '../../request/injector-config.ts';
import type { RegistrationCounts } from '../registrations/registration-loop.ts';
import {
  planClusterSpiffeIds,
  type ClusterSpiffeIdPlan,
  type ClusterSpiffeIdPlanInput,
  type ClusterSpiffeIdStep,
  type StoredClusterSpiffeId,
} from './plan-cluster-spiffe-ids.ts';
import {
  clusterSpiffeIds,
  readClusterSpiffeIds,
  removeClusterSpiffeId,
} from './stored-cluster-spiffe-ids.ts';

/** More sets of trust domains than people keep apart; each costs spire-controller-manager a look at every pod. */
const maxObjects = 256;

/** What is known of the cluster. */
export interface FederationsView {
  /** Where svidecar acts. */
  federations(): StoredFederations;
  /** True while all lists are complete and current. */
  isCurrent(): boolean;
}

export interface ClusterSpiffeIdKeeperOptions {
  readonly api: KubernetesApi;
  readonly config: () => InjectorConfig;
  readonly ignoredNamespaces: () => ReadonlySet<string>;
  readonly stored: FederationsView;
  /** Asked before each write. */
  readonly leads: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

type LookedFor = Pick<ClusterSpiffeIdPlanInput, 'mayRemove' | 'wanted'>;

export class ClusterSpiffeIdKeeper {
  readonly writes = { created: 0, updated: 0, deleted: 0 };
  readonly #options: ClusterSpiffeIdKeeperOptions;
  #unwantedSinceMs: ReadonlyMap<string, number> = new Map();
  /** As last read. */
  #there: readonly StoredClusterSpiffeId[] | undefined;
  #counts: RegistrationCounts | undefined;
  /** Told once, until it is otherwise. */
  #told = '';

  constructor(options: ClusterSpiffeIdKeeperOptions) {
    this.#options = options;
  }

  /** Undefined until they were read: what is there is not known before. */
  get counts(): RegistrationCounts | undefined {
    return this.#counts;
  }

  /** Somebody else may write from now on. */
  forget(): void {
    this.#there = undefined;
    this.#counts = undefined;
  }

  /**
   * Looks at everything, and writes what differs.
   * @returns milliseconds until it wants to look again although nothing changes
   * @throws {ApiRefusal} and {AppError} CLUSTER_UNREACHABLE where it could not
   */
  async reconcile(signal: AbortSignal): Promise<number | undefined> {
    const { leads, stored } = this.#options;
    const look = { mayRemove: stored.isCurrent(), wanted: this.#wanted() };
    const plan = await this.#planAnew(look, signal);
    if (plan.taken.length > 0)
      this.#tell(
        `ClusterSPIFFEID ${plan.taken.join(', ')} is not svidecar's (no label app.kubernetes.io/managed-by: svidecar), so the containers that it is for are not registered: rename it`,
      );
    for (const step of plan.steps) {
      if (signal.aborted || !leads()) return undefined;
      await this.#carryOut(step, signal);
    }
    if (plan.steps.length === 0) return plan.againInMs;
    // What was written counts now, not at the next look.
    return (await this.#planAnew(look, signal)).againInMs;
  }

  /** By what is there now. What is wanted counts as awaited also where that cannot be read: by what was there. */
  async #planAnew(look: LookedFor, signal: AbortSignal): Promise<ClusterSpiffeIdPlan> {
    try {
      this.#there = await this.#read(signal);
    } catch (thrown) {
      if (this.#there !== undefined) this.#plan(look, this.#there);
      throw thrown;
    }
    return this.#plan(look, this.#there);
  }

  #plan(look: LookedFor, stored: readonly StoredClusterSpiffeId[]): ClusterSpiffeIdPlan {
    const { config, clock } = this.#options;
    const plan = planClusterSpiffeIds({
      ...look,
      stored,
      unwantedSinceMs: this.#unwantedSinceMs,
      nowMs: clock.now(),
      graceMs: config().entries.graceSeconds * 1000,
    });
    this.#unwantedSinceMs = plan.unwantedSinceMs;
    this.#counts = countsOf(look.wanted, stored, plan);
    return plan;
  }

  #wanted(): readonly WantedClusterSpiffeId[] {
    const { config, ignoredNamespaces, stored } = this.#options;
    const { objects, leftOut } = wantedClusterSpiffeIds({
      config: config(),
      ignoredNamespaces: ignoredNamespaces(),
      federations: stored.federations(),
      maxObjects,
    });
    if (leftOut > 0)
      this.#tell(
        `the sets of trust domains that workloads name would need over ${maxObjects} ClusterSPIFFEID objects; ${leftOut} of the sets get none, and their pods no identity`,
      );
    return objects;
  }

  /** @throws {AppError} CLUSTER_UNREACHABLE where they may not be read, or the kind is not there */
  async #read(signal: AbortSignal): Promise<readonly StoredClusterSpiffeId[]> {
    const { api } = this.#options;
    const listed = await readClusterSpiffeIds(api, { isOptional: false, signal });
    if (listed.kind === 'known') return listed.stored;
    throw new AppError(
      'CLUSTER_UNREACHABLE',
      `${listed.reason}; registration: clusterspiffeid needs spire-controller-manager with its CRDs, and the component clusterspiffeid of svidecar's manifests`,
    );
  }

  async #carryOut(step: ClusterSpiffeIdStep, signal: AbortSignal): Promise<void> {
    const { api, log } = this.#options;
    switch (step.kind) {
      case 'create': {
        const { name } = step.wanted;
        const metadata = { name, labels: { ...managedBy } };
        await api.create(pathOf(clusterSpiffeIds), objectOf(step.wanted, metadata), signal);
        this.writes.created += 1;
        log.info({ name }, 'ClusterSPIFFEID created');
        return;
      }
      case 'replace': {
        const { name } = step.wanted;
        const path = pathOf(clusterSpiffeIds, undefined, name);
        await api.replace(path, objectOf(step.wanted, step.metadata), signal);
        this.writes.updated += 1;
        log.info({ name }, 'ClusterSPIFFEID put right');
        return;
      }
      case 'remove': {
        await removeClusterSpiffeId(api, step, signal);
        this.writes.deleted += 1;
        log.info({ name: step.name }, 'unused ClusterSPIFFEID removed');
        return;
      }
      default:
        step satisfies never;
    }
  }

  #tell(problem: string): void {
    if (problem !== this.#told) this.#options.log.warn({ problem }, 'registration is not complete');
    this.#told = problem;
  }
}

function objectOf({ spec }: WantedClusterSpiffeId, metadata: JsonObject): JsonObject {
  const { apiVersion, kind } = clusterSpiffeIds;
  return { apiVersion, kind, metadata, spec };
}

/** As it is stored, before the plan is carried out. */
function countsOf(
  wanted: readonly WantedClusterSpiffeId[],
  stored: readonly StoredClusterSpiffeId[],
  { taken, unwantedSinceMs }: ClusterSpiffeIdPlan,
): RegistrationCounts {
  const ours = new Set(stored.filter((each) => each.isManaged).map(({ name }) => name));
  const registered = wanted.filter(({ name }) => ours.has(name)).length;
  const awaited = wanted.length - registered - taken.length;
  return { registered, awaited, foreign: taken.length, unwanted: unwantedSinceMs.size };
}
