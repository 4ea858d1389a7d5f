/** Keeps our ConfigMaps as desired: level-triggered, by namespace, with server-side apply. */
import { createHash } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import type { JsonObject } from '#kernel/json.ts';
import { ApiRefusal } from './api.ts';
import type { KubernetesApi } from './api.ts';
import type { ClusterLimits } from './limits.ts';
import { NamespaceQueue } from './namespace-queue.ts';
import { slimConfigMap } from './objects.ts';
import { nameTaken, planNamespace } from './plan.ts';
import type { Plan, Step } from './plan.ts';
import type { Desire } from './ports.ts';
import type { Desired, DesiredConfigMap } from '../desired/desired.ts';
import type { Log } from '#kernel/observe.ts';
import type { ClusterStore } from './store.ts';

export interface ControllerOptions {
  readonly api: KubernetesApi;
  readonly store: ClusterStore;
  /** The newest: a new configuration may desire other contents. */
  readonly desire: () => Desire;
  /** True while all watches are open: only then is what we don't see known not to be. */
  readonly isCurrent: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: ClusterLimits;
  /** Gives [0, 1). */
  readonly random: () => number;
}

type Outcome = 'applied' | 'recreated' | 'removed' | 'failed';

export class Controller {
  readonly counts: Record<Outcome, number> = { applied: 0, recreated: 0, removed: 0, failed: 0 };
  readonly #options: ControllerOptions;
  readonly #queue: NamespaceQueue;
  readonly #unusedSinceMs = new Map<string, Plan['unusedSinceMs']>();
  readonly #problems = new Map<string, readonly string[]>();
  /** `namespace/name` → what we applied last and the version that it became: not applied again if others add to it. */
  readonly #applied = new Map<
    string,
    { readonly digest: string; readonly resourceVersion: string }
  >();
  #signal: AbortSignal | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#queue = new NamespaceQueue({
      work: (namespace) => this.#reconcile(namespace),
      failed: (namespace, thrown) => {
        this.counts.failed += 1;
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

  /** Something changed there. Before the start nothing happens: the start looks at everything. */
  revise(namespace: string): void {
    if (this.#signal !== undefined) this.#queue.add(namespace);
  }

  /** Looks at every namespace again, for instance after a new configuration. */
  reviseAll(): void {
    for (const namespace of this.#options.store.busyNamespaces()) this.revise(namespace);
  }

  /** All that stands in the way now, as sentences. */
  problems(): readonly string[] {
    return [...this.#problems.values()].flat();
  }

  /** @returns milliseconds until a look is due although nothing changes */
  async #reconcile(namespace: string): Promise<number | undefined> {
    const { store, clock, limits, isCurrent } = this.#options;
    const users = store.users(namespace);
    const desired = this.#desired(namespace, users);
    const plan = planNamespace({
      desired: desired.configMaps,
      users,
      existing: (name) => store.configMap(namespace, name),
      managed: store.managed(namespace),
      unusedSinceMs: this.#unusedSinceMs.get(namespace) ?? new Map<string, number>(),
      nowMs: clock.now(),
      graceMs: limits.graceMs,
    });
    this.#setOrDelete(this.#unusedSinceMs, namespace, plan.unusedSinceMs);
    const found = [...desired.problems, ...plan.problems];
    const steps = plan.steps.filter((step) => step.kind !== 'remove' || isCurrent());
    const failures: unknown[] = [];
    for (const step of steps) {
      // One that fails must not hold up the others.
      const problems = await this.#carryOut(namespace, step).catch((thrown: unknown) => {
        failures.push(thrown);
        return [];
      });
      found.push(...problems);
    }
    this.#report(namespace, found);
    if (failures.length > 0) throw new AggregateError(failures, failures.map(messageOf).join('; '));
    return steps.length < plan.steps.length ? limits.lastRetryMs : plan.againInMs;
  }

  #desired(namespace: string, users: Parameters<Desire>[1]): Desired {
    // Without users nothing is desired; spares looking at the sources of every quiet namespace.
    if (users.length === 0) return { configMaps: [], problems: [] };
    return this.#options.desire()(namespace, users, this.#options.store.sources(namespace));
  }

  /** @returns problems that only the server could tell */
  async #carryOut(namespace: string, step: Step): Promise<readonly string[]> {
    try {
      switch (step.kind) {
        case 'apply':
          return await this.#apply(step.configMap, step.uid);
        case 'recreate':
          await this.#remove(pathOf(step.configMap), { uid: step.uid });
          this.counts.recreated += 1;
          return await this.#apply(step.configMap, undefined);
        case 'remove': {
          const { uid, resourceVersion, name } = step;
          await this.#remove(pathOf({ namespace, name }), { uid, resourceVersion });
          this.counts.removed += 1;
          this.#applied.delete(`${namespace}/${name}`);
          this.#options.log.info({ namespace, name }, 'unused ConfigMap removed');
          return [];
        }
        default:
          return step satisfies never;
      }
    } catch (thrown) {
      if (isNamespaceGoing(thrown)) return [];
      if (isForGood(thrown)) return [thrown.message];
      throw thrown;
    }
  }

  async #apply(
    configMap: DesiredConfigMap,
    knownUid: string | undefined,
  ): Promise<readonly string[]> {
    const { api, store, log } = this.#options;
    const path = pathOf(configMap);
    const signal = this.#running();
    const key = `${configMap.namespace}/${configMap.name}`;
    const known = store.configMap(configMap.namespace, configMap.name);
    const digest = createHash('sha256').update(JSON.stringify(configMap)).digest('base64');
    const last = this.#applied.get(key);
    if (last?.digest === digest && last.resourceVersion === known?.resourceVersion) return [];
    // A forced apply would take over whatever a user made a moment ago under this name.
    const there = knownUid === undefined ? await this.#read(path) : undefined;
    if (there?.isManaged === false) return [nameTaken(configMap)];
    const applied = await api.apply(path, bodyOf(configMap, knownUid ?? there?.uid), signal);
    const entry = slimConfigMap(applied);
    store.putConfigMap(entry);
    this.#applied.set(key, { digest, resourceVersion: entry.resourceVersion });
    this.counts.applied += 1;
    log.debug({ namespace: configMap.namespace, name: configMap.name }, 'ConfigMap applied');
    return [];
  }

  async #read(path: string): Promise<ReturnType<typeof slimConfigMap> | undefined> {
    try {
      return slimConfigMap(await this.#options.api.get(path, this.#running()));
    } catch (thrown) {
      if (thrown instanceof ApiRefusal && thrown.status === 404) return undefined;
      throw thrown;
    }
  }

  async #remove(
    path: string,
    preconditions: { uid: string; resourceVersion?: string },
  ): Promise<void> {
    try {
      await this.#options.api.remove(path, preconditions, this.#running());
    } catch (thrown) {
      if (!(thrown instanceof ApiRefusal && thrown.status === 404)) throw thrown;
    }
  }

  #running(): AbortSignal {
    if (this.#signal === undefined) throw new TypeError('the controller was not started');
    return this.#signal;
  }

  /** Logs what is new, once. */
  #report(namespace: string, found: readonly string[]): void {
    const before = new Set(this.#problems.get(namespace));
    // Several users of one broken source say the same.
    const problems = [...new Set(found)];
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

function pathOf({
  namespace,
  name,
}: {
  readonly namespace: string;
  readonly name: string;
}): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps/${encodeURIComponent(name)}`;
}

/** @param uid makes the server refuse if the object is another one by now */
function bodyOf(configMap: DesiredConfigMap, uid: string | undefined): JsonObject {
  const { namespace, name, labels, annotations, owners, immutable, data } = configMap;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace,
      ...(uid === undefined ? {} : { uid }),
      labels,
      annotations,
      ownerReferences: owners.map((owner) => ({ ...owner })),
    },
    ...(immutable ? { immutable } : {}),
    data,
  };
}

/** The object itself is refused (too large, not valid): trying again changes nothing. */
function isForGood(thrown: unknown): thrown is ApiRefusal {
  return thrown instanceof ApiRefusal && (thrown.status === 413 || thrown.status === 422);
}

/** In a namespace that is being deleted nothing can be made, and nothing needs to be. */
function isNamespaceGoing(thrown: unknown): boolean {
  if (!(thrown instanceof ApiRefusal)) return false;
  return (
    thrown.status === 404 || (thrown.status === 403 && /being terminated/.test(thrown.message))
  );
}
