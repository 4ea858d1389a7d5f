/** Keeps our ConfigMaps and EnvoyFilters as desired: level-triggered, by namespace. */
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import type { ClusterLimits } from './cluster-limits.ts';
import { retryDelayMs } from '../kube/api-limits.ts';
import { ConfigMapWriter } from './configmaps/configmap-writer.ts';
import type { Done } from './configmaps/configmap-writer.ts';
import { EnvoyFilterKeeper, type BroughtFilters } from './envoyfilters/envoy-filter-keeper.ts';
import type { EnvoyFilterStore } from './envoyfilters/envoy-filter-store.ts';
import type { EnvoyFilterTarget } from './envoyfilters/plan-envoy-filters.ts';
import type { EventWriter } from './events/event-writer.ts';
import type { AskerEntry } from './kept-objects.ts';
import { NamespaceQueue } from './namespace-queue.ts';
import { digestOf } from '../injection/config-map-contents.ts';
import { planNamespace } from './configmaps/plan-config-maps.ts';
import type { Plan, PlanInput, ConfigMapStep, Target } from './configmaps/plan-config-maps.ts';
import type { Desire } from './desire.ts';
import type {
  ConfigMapUser,
  DesiredConfigMap,
  ConfigMapProblem,
  WantedConfigMaps,
} from '../desired/desired.ts';
import { desiredEvents, isLive, type Injected } from '../desired/events.ts';
import type { RegistrationProblem } from '../desired/registrations.ts';
import { chosenRevision, noRevision } from '../request/revision.ts';
import { Renderings } from './renderings.ts';
import type { Log } from '#kernel/observe.ts';
import type { ClusterStore } from './store.ts';

export interface ControllerOptions {
  readonly api: KubernetesApi;
  readonly store: ClusterStore;
  readonly filters: EnvoyFilterStore;
  /** The newest: a new configuration may desire other contents. */
  readonly desire: () => Desire;
  /** As things stand now; absent: there is one installation. */
  readonly revision?: OwnRevisionNow | undefined;
  /** True while all watches are open: only then is what we don't see known not to be. */
  readonly isCurrent: () => boolean;
  readonly events: EventWriter;
  /** What stands in the way of registrations in a namespace. */
  readonly registrationProblems: (namespace: string) => readonly RegistrationProblem[];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ClusterLimits;
  /** Gives [0, 1). */
  readonly random: () => number;
}

/** Which of several installations this is. */
export interface OwnRevisionNow {
  /** Empty for the one without a name. */
  readonly name: string;
  /** Whether objects that name no revision are this one's. */
  readonly isDefault: () => boolean;
}

/** What came of the ConfigMaps of a namespace. */
interface BroughtConfigMaps {
  readonly problems: readonly ConfigMapProblem[];
  readonly failures: readonly unknown[];
  /** Steps were left for the next look. */
  readonly hasMore: boolean;
  readonly againInMs: number | undefined;
}

export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue: NamespaceQueue;
  readonly #unusedSinceMs = new Map<string, Plan['unusedSinceMs']>();
  readonly #problems = new Map<string, readonly string[]>();
  readonly #renderings = new Renderings();
  readonly #writer: ConfigMapWriter;
  readonly #filters: EnvoyFilterKeeper;
  #failed = 0;
  /** Looks in a row in which the server refused something. */
  readonly #failuresInRow = new Map<string, number>();
  #signal: AbortSignal | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#writer = new ConfigMapWriter(options);
    this.#filters = new EnvoyFilterKeeper({
      ...options,
      revision: options.revision?.name ?? noRevision,
      hasConfigMap: (namespace, name) =>
        options.store.configMap(namespace, name)?.isManaged === true,
    });
    this.#queue = new NamespaceQueue({
      work: (namespace) => this.#reconcile(namespace),
      failed: (namespace, thrown) => {
        this.#failed += 1;
        options.log.error(
          { namespace, fault: messageOf(thrown) },
          'ConfigMaps not brought up to date, trying again',
        );
      },
      limits: options.limits,
      random: options.random,
    });
  }

  /** Begins to work; call it once everything is listed. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    this.#writer.start(signal);
    this.#filters.start(signal);
    this.reviseAll();
    const timer = setInterval(() => {
      this.reviseAll();
    }, this.#options.limits.resyncMs);
    timer.unref();
    signal.addEventListener('abort', () => {
      clearInterval(timer);
      this.#queue.close();
    });
  }

  /** Something changed there. Before the start nothing happens: the start checks everything. */
  revise(namespace: string): void {
    if (this.#signal !== undefined) this.#queue.add(namespace);
  }

  /** Looks at every namespace again, for instance after a new configuration. */
  reviseAll(): void {
    const { store, filters } = this.#options;
    for (const namespace of store.busyNamespaces()) this.revise(namespace);
    for (const namespace of filters.namespaces()) this.revise(namespace);
  }

  /** ConfigMaps written, and namespaces that failed. */
  get counts(): Readonly<Record<string, number>> {
    return { ...this.#writer.counts, failed: this.#failed };
  }

  get filterCounts(): {
    readonly writes: Readonly<Record<string, number>>;
    readonly problems: number;
  } {
    return { writes: this.#filters.counts, problems: this.#filters.problems };
  }

  /** All current obstacles, as sentences. */
  problems(): readonly string[] {
    return [...this.#problems.values()].flat();
  }

  /** Namespaces whose check is due, or in progress. */
  get backlog(): number {
    return this.#queue.backlog;
  }

  /** Copies made so far. */
  get renderings(): number {
    return this.#renderings.count;
  }

  /** @returns milliseconds until a check is due although nothing changes */
  async #reconcile(namespace: string): Promise<number | undefined> {
    const { store, isCurrent } = this.#options;
    if (store.standing(namespace) !== 'acts') return this.#lookOn(namespace);
    // What is not listed yet is not known to be missing; the list triggers its own check.
    if (store.filling(namespace) !== undefined) return undefined;
    const users = store.users(namespace);
    const desire = this.#options.desire();
    const wanted = desire.wanted(users);
    const source = (name: string): ReturnType<ClusterStore['source']> =>
      store.source(namespace, name);
    const copies = await this.#renderings.of(namespace, wanted.envoys, { desire, source });
    // Before the ConfigMaps of the same names: no pod starts without its own.
    const filters = await this.#filters.bring(namespace, copies.filters);
    const startable = startableOf(copies.filters, filters);
    const done = await this.#bring(namespace, users, {
      desired: [...wanted.helpers.map(helperTarget), ...copies.targets].filter(startable),
      withdrawn: filters.gone,
    });
    const desired = new Set(copies.filters.map(({ name }) => name));
    const inUse = { desired, users, isCurrent: isCurrent() };
    const removal = await this.#filters.removeUnused(namespace, inUse);
    const found = [wanted, copies, filters, done]
      .flatMap(({ problems }) => problems)
      .filter((problem) => problem.users.some(isLive));
    this.#report(namespace, found);
    const tellInMs = this.#tell(namespace, users, { summaries: wanted.summaries, found });
    const failures = [filters, done, removal].flatMap((each) => each.failures);
    const retryInMs = this.#retryMs(namespace, failures);
    if (done.hasMore && failures.length === 0) return 0;
    const delays = [filters, done, removal].map(({ againInMs }) => againInMs);
    return soonest([...delays, retryInMs, tellInMs]);
  }

  /** Plans and writes the ConfigMaps, as many as one look may. */
  async #bring(
    namespace: string,
    users: readonly ConfigMapUser[],
    wanted: Pick<PlanInput, 'desired' | 'withdrawn'>,
  ): Promise<BroughtConfigMaps> {
    const { isCurrent, limits } = this.#options;
    const plan = this.#plan(namespace, users, wanted);
    const steps = plan.steps.filter((step) => step.kind !== 'remove' || isCurrent());
    const now = steps.slice(0, limits.stepsInALook);
    const { failures, refused, againInMs } = await this.#carryOutAll(namespace, now);
    this.#failed += failures.length;
    const lookInMs = steps.length < plan.steps.length ? limits.lastRetryMs : plan.againInMs;
    return {
      problems: [...plan.problems, ...refused],
      failures,
      hasMore: now.length < steps.length,
      againInMs: soonest([againInMs, lookInMs]),
    };
  }

  /**
   * Where svidecar does not act, nothing is written and nothing removed, whatever a status says: the annotation is anybody's
   * to write. Those who carry one are told.
   */
  #lookOn(namespace: string): number | undefined {
    this.#renderings.forget(namespace);
    this.#filters.forget(namespace);
    this.#unusedSinceMs.delete(namespace);
    this.#problems.delete(namespace);
    const users = this.#options.store.users(namespace).filter(isLive);
    const summaries = new Map(users.map((user) => [user, '']));
    return this.#tell(namespace, users, { summaries, found: [] });
  }

  /**
   * One that the server refuses is tried again later and later, and the namespace is looked at meanwhile as ever. Where
   * nobody answers, everything waits.
   * @returns milliseconds until the next try
   */
  #retryMs(namespace: string, failures: readonly unknown[]): number | undefined {
    const { limits, random, log } = this.#options;
    if (failures.length === 0) {
      this.#failuresInRow.delete(namespace);
      return undefined;
    }
    const fault = failures.slice(0, 3).map(messageOf).join('; ');
    if (!failures.every((each) => each instanceof ApiRefusal))
      throw new AggregateError(failures, fault);
    const inRow = (this.#failuresInRow.get(namespace) ?? 0) + 1;
    this.#failuresInRow.set(namespace, inRow);
    log.error({ namespace, fault }, 'ConfigMaps not brought up to date, trying again');
    return retryDelayMs(inRow, limits, random);
  }

  #plan(
    namespace: string,
    users: readonly ConfigMapUser[],
    wanted: Pick<PlanInput, 'desired' | 'withdrawn'>,
  ): Plan {
    const { store, clock, limits } = this.#options;
    const plan = planNamespace({
      ...wanted,
      users,
      existing: (name) => store.configMap(namespace, name),
      managed: store.managed(namespace),
      unusedSinceMs: this.#unusedSinceMs.get(namespace) ?? new Map<string, number>(),
      nowMs: clock.now(),
      graceMs: limits.graceMs,
    });
    this.#setOrDelete(this.#unusedSinceMs, namespace, plan.unusedSinceMs);
    return plan;
  }

  /** One that fails must not hold up the others. */
  async #carryOutAll(
    namespace: string,
    steps: readonly ConfigMapStep[],
  ): Promise<{
    readonly failures: readonly unknown[];
    readonly refused: readonly ConfigMapProblem[];
    readonly againInMs: number | undefined;
  }> {
    const failures: unknown[] = [];
    const done: Done[] = [];
    for (const step of steps) {
      await this.#writer.carryOut(namespace, step).then(
        (each) => done.push(each),
        (thrown: unknown) => failures.push(thrown),
      );
    }
    return {
      failures,
      refused: done.flatMap(({ problems }) => problems),
      againInMs: soonest(done.map((each) => each.againInMs)),
    };
  }

  /** @returns milliseconds until a fault has lasted long enough to be reported */
  #tell(
    namespace: string,
    users: ReturnType<ClusterStore['users']>,
    {
      summaries,
      found,
    }: Pick<WantedConfigMaps, 'summaries'> & { readonly found: readonly ConfigMapProblem[] },
  ): number | undefined {
    const { store, clock, limits, events, registrationProblems } = this.#options;
    const injected = users.flatMap((user): readonly Injected[] => {
      const summary = summaries.get(user);
      const isNews = clock.now() - user.changedAtMs < limits.newsMs;
      return summary === undefined ? [] : [{ workload: user.owner, isNews, summary }];
    });
    const desired = desiredEvents({
      namespace,
      injection: store.injection(namespace),
      standing: store.standing(namespace),
      injected,
      askers: store.askers(namespace).filter((asker) => this.#isOurs(asker)),
      problems: found,
      registrations: registrationProblems(namespace),
    });
    return events.stand(namespace, desired);
  }

  /** What another installation injects, or nobody, is not ours to tell of. */
  #isOurs({ namespace, revision: label }: AskerEntry): boolean {
    const { store, revision } = this.#options;
    if (revision === undefined) return true;
    const chosen = chosenRevision(label, store.revision(namespace));
    return chosen === noRevision ? revision.isDefault() : chosen === revision.name;
  }

  /** Logs what is new, once. */
  #report(namespace: string, found: readonly ConfigMapProblem[]): void {
    const before = new Set(this.#problems.get(namespace));
    // Several users of one broken source say the same.
    const problems = [...new Set(found.map(({ message }) => message))];
    for (const problem of problems) {
      if (!before.has(problem))
        this.#options.log.warn({ namespace, problem }, 'ConfigMap cannot be made');
    }
    if (before.size > 0 && problems.length === 0) {
      this.#options.log.info({ namespace }, 'ConfigMaps are as they should be again');
    }
    if (problems.length === 0) this.#problems.delete(namespace);
    else this.#problems.set(namespace, problems);
  }

  #setOrDelete(
    all: Map<string, Plan['unusedSinceMs']>,
    key: string,
    value: Plan['unusedSinceMs'],
  ): void {
    if (value.size === 0) all.delete(key);
    else all.set(key, value);
  }
}

/** Tells the ConfigMaps that pods may start by from those that must not be made yet. */
function startableOf(
  wanted: readonly EnvoyFilterTarget[],
  { standing }: BroughtFilters,
): (configMap: Target) => boolean {
  const waiting = new Set(wanted.map(({ name }) => name).filter((name) => !standing.has(name)));
  return ({ name }) => !waiting.has(name);
}

function helperTarget({ data, ...configMap }: DesiredConfigMap): Target {
  const contents = { data, changes: [], warnings: [], sourceVersion: '' };
  return { ...configMap, digest: digestOf(data), contents: () => contents };
}

function soonest(delaysMs: readonly (number | undefined)[]): number | undefined {
  const known = delaysMs.filter((delay) => delay !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
