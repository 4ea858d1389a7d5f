/**
 * Carries out what was planned for ConfigMaps, with server-side apply; every replica does.
 * @see docs/adr/0094-every-replica-writes-configmaps.md
 */
import { hash } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/observe.ts';
import { demandedOf } from '../../kube/api-words.ts';
import { ApiRefusal } from '../../kube/kubernetes-api.ts';
import type { KubernetesApi } from '../../kube/kubernetes-api.ts';
import type { ClusterLimits } from '../cluster-limits.ts';
import { Contests } from '../contests.ts';
import { isNamespaceGoing, type EventWriter } from '../events/event-writer.ts';
import { slimConfigMap } from '../kept-objects.ts';
import { nameTaken } from './plan-config-maps.ts';
import type { WrittenContents, ConfigMapStep, Target } from './plan-config-maps.ts';
import type { ConfigMapProblem } from '../../desired/desired.ts';
import { renderedEvents, restoredEvents } from '../../desired/events.ts';
import type { ClusterStore } from '../store.ts';

export interface WriterOptions {
  readonly api: KubernetesApi;
  readonly clock: Clock;
  readonly limits: ClusterLimits;
  readonly store: ClusterStore;
  readonly events: EventWriter;
  readonly log: Log;
}

type Outcome = 'applied' | 'recreated' | 'removed';

/** What came of a step. */
export interface Done {
  /** Those that only the server could tell. */
  readonly problems: readonly ConfigMapProblem[];
  /** Milliseconds until it wants to be tried again, if it was put off. */
  readonly againInMs?: number;
}

const removalWords = {
  remove: 'unused ConfigMap removed',
  withdraw: 'ConfigMap taken away: its EnvoyFilter is not there, so that no pod may start',
} as const;

const nothing: Done = Object.freeze({ problems: [] });

export class ConfigMapWriter {
  readonly counts: Record<Outcome, number> = { applied: 0, recreated: 0, removed: 0 };
  readonly #options: WriterOptions;
  readonly #contests: Contests;
  #signal: AbortSignal | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#contests = new Contests(options.limits);
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
  }

  async carryOut(namespace: string, step: ConfigMapStep): Promise<Done> {
    try {
      switch (step.kind) {
        case 'apply':
          return await this.#apply(step.configMap, step.uid);
        case 'recreate':
          await this.#remove(pathOf(step.configMap), { uid: step.uid });
          this.counts.recreated += 1;
          return await this.#recreate(step.configMap, step.uid);
        case 'withdraw':
        case 'remove': {
          const { uid, resourceVersion, name } = step;
          await this.#remove(pathOf({ namespace, name }), { uid, resourceVersion });
          this.counts.removed += 1;
          this.#contests.forget({ namespace, name });
          this.#options.log.info({ namespace, name }, removalWords[step.kind]);
          return nothing;
        }
        default:
          return step satisfies never;
      }
    } catch (thrown) {
      if (isNamespaceGoing(thrown)) return nothing;
      if (isForGood(thrown)) return { problems: [refusedBy(thrown, step)] };
      throw thrown;
    }
  }

  async #apply(target: Target, knownUid: string | undefined): Promise<Done> {
    const { api, store, clock, log } = this.#options;
    const { namespace, name } = target;
    const digest = hash('sha256', JSON.stringify({ ...target, users: [] }), 'base64');
    const rest = this.#restOf(target, digest);
    if (rest !== undefined) return rest;
    const path = pathOf(target);
    // A forced apply would take over whatever a user made a moment ago under this name.
    const there = knownUid === undefined ? await this.#read(path) : undefined;
    if (there?.isManaged === false) return { problems: [nameTaken(target)] };
    const known = knownUid === undefined ? there : store.configMap(namespace, name);
    const wasOther = isOther(known, target);
    const contents = target.contents();
    const body = bodyOf(target, contents, knownUid ?? there?.uid);
    const entry = slimConfigMap(await api.apply(path, body, this.#running()));
    store.answerConfigMap(entry);
    this.#contests.wrote({ namespace, name, digest }, entry.resourceVersion, clock.now());
    this.counts.applied += 1;
    log.debug({ namespace, name }, 'ConfigMap applied');
    if (!isMadeFor(there, target)) this.#tell(target, contents, entry.uid);
    if (wasOther) this.#tellRestored(target, entry.uid);
    return nothing;
  }

  /** The old object held other settings: it was removed, and is reported. */
  async #recreate(target: Target, uid: string): Promise<Done> {
    const done = await this.#apply(target, undefined);
    if (done.problems.length === 0) this.#tellRestored(target, uid);
    return done;
  }

  /** Only settings have a name that stands for their contents. */
  #tellRestored(target: Target, uid: string): void {
    if (!target.immutable) return;
    const { namespace, name } = target;
    this.#options.log.warn({ namespace, name }, 'ConfigMap held other settings, and was made anew');
    for (const event of restoredEvents(target, uid)) this.#options.events.say(event);
  }

  /** Nothing to do, or nothing yet; undefined where it is to be written. */
  #restOf({ namespace, name }: Target, digest: string): Done | undefined {
    const { store, clock } = this.#options;
    const contested = { namespace, name, digest };
    const known = store.configMap(namespace, name)?.resourceVersion;
    if (this.#contests.isWritten(contested, known)) return nothing;
    const againInMs = this.#contests.waitMs(contested, clock.now());
    return againInMs > 0 ? { problems: [], againInMs } : undefined;
  }

  #tell(target: Target, contents: WrittenContents, uid: string): void {
    if (target.immutable) return;
    for (const event of renderedEvents(target, { ...contents, uid })) {
      this.#options.events.say(event);
    }
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
function bodyOf(
  target: Target,
  { data, binaryData = {} }: WrittenContents,
  uid: string | undefined,
): JsonObject {
  const { namespace, name, labels, annotations, owners, immutable } = target;
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
    ...(Object.keys(binaryData).length === 0 ? {} : { binaryData }),
  };
}

function refusedBy(refusal: ApiRefusal, step: ConfigMapStep): ConfigMapProblem {
  const users = 'configMap' in step ? step.configMap.users : [];
  return { reason: 'ConfigMapRefused', message: `${refusal.message}${adviceFor(refusal)}`, users };
}

/** What a policy demands of every ConfigMap can be given to ours. */
function adviceFor(refusal: ApiRefusal): string {
  const demanded = demandedOf(refusal);
  if (demanded === undefined) return '';
  return `; svidecar gives its ConfigMaps what configMaps.${demanded} of the injector's configuration says`;
}

/** The object itself is refused (too large, not valid): trying again changes nothing. */
function isForGood(thrown: unknown): thrown is ApiRefusal {
  return thrown instanceof ApiRefusal && (thrown.status === 413 || thrown.status === 422);
}

interface Made {
  readonly digest: string | undefined;
}

function isMadeFor(there: Made | undefined, target: Target): boolean {
  return there?.digest === target.digest;
}

/** Whether something is there that was not made for this. */
function isOther(there: Made | undefined, target: Target): boolean {
  return there !== undefined && !isMadeFor(there, target);
}
