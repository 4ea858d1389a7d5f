/** Whether the cluster is there, and what of it may be seen. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '#kernel/clock.ts';
import { messageOf } from '#kernel/errors.ts';
import { own } from '#kernel/members.ts';
import type { ClusterStanding, HookStanding, MissingRights } from '../console/console-model.ts';
import { missingRights, type DeniedResource } from '../console/unseen-resources.ts';
import type { Availability } from '../kube/followed-resource.ts';
import { ApiRefusal, type KubernetesApi } from '../kube/kubernetes-api.ts';
import { askUserName, type AccessRight } from '../kube/denied-rights.ts';
import type { Follower } from '../kube/reflector.ts';
import { kindNamed, workloadKinds } from '../objects/kinds.ts';
import type { ConfigurationInForce } from './configuration-in-force.ts';
import type { ReadResource } from './denied-reads.ts';

export interface StandingParts {
  readonly api: KubernetesApi & { readonly url: string };
  /** Of the kubeconfig. */
  readonly contextName: string | undefined;
  readonly namespace: string | undefined;
  /** Of svidecar. */
  readonly version: string;
  readonly clock: Clock;
  readonly configuration: ConfigurationInForce;
  readonly followers: () => readonly Follower[];
  /** Of which single objects may not be read. */
  readonly deniedReads: () => readonly ReadResource[];
  readonly hooks: () => HookStanding;
  /** Is told of each change; `came`: the API server answers again. */
  readonly changed: (came: boolean) => void;
}

type Connection = Pick<ClusterStanding, 'connection' | 'problem'>;

/** Milliseconds between looks at our own watches, and for the question whether anybody is there. */
const lookEveryMs = 250;
const askMs = 3_000;
const userMs = 15_000;
/** Milliseconds for which a watch may be closed without a word: it is listed anew within them. */
const unheardMs = 15_000;

export class Standing {
  readonly #parts: StandingParts;
  readonly #unavailable = new Map<string, Exclude<Availability, 'there'>>();
  readonly #settled = new Map<string, () => void>();
  #connection: Connection = { connection: 'starting' };
  #sinceMs: number;
  #objects = 0;
  #told = '';
  /** As the API server takes us. */
  #user: string | undefined;

  constructor(parts: StandingParts) {
    this.#parts = parts;
    this.#sinceMs = parts.clock.now();
  }

  /** Until `signal` aborts. */
  start(signal: AbortSignal): void {
    void this.#watch(signal);
    void this.#askUser(signal);
  }

  /** For whom the roles are that are advised. */
  async #askUser(signal: AbortSignal): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(userMs)]);
    this.#user = await askUserName(this.#parts.api, limit);
  }

  /** An object was read. */
  count(): void {
    this.#objects += 1;
  }

  available(name: string, now: Availability): void {
    if (now === 'there') this.#unavailable.delete(name);
    else this.#unavailable.set(name, now);
    this.#settled.get(name)?.();
  }

  /** Resolves when it is listed, or cannot be. */
  settled(follower: Follower): Promise<void> {
    return Promise.race([
      follower.synced(),
      new Promise<void>((resolve) => {
        this.#settled.set(follower.name, resolve);
        if (this.#unavailable.has(follower.name)) resolve();
      }),
    ]);
  }

  now(): ClusterStanding {
    const { api, contextName, namespace, version, configuration } = this.#parts;
    const { kubernetes } = configuration;
    const awaited = this.#awaited();
    const { connection } = this.#connection;
    const rights = this.#missingRights();
    return {
      ...this.#connection,
      // Our own look at it comes a moment later.
      connection: connection === 'starting' && awaited.length === 0 ? 'connected' : connection,
      sinceS: this.#sinceMs / 1_000,
      server: api.url,
      ...(contextName === undefined ? {} : { context: contextName }),
      ...(kubernetes === undefined ? {} : { kubernetes }),
      ...(namespace === undefined ? {} : { namespace }),
      version,
      awaited,
      objects: this.#objects,
      unheard: this.#unheard(),
      configuration: configuration.told,
      hooks: this.#parts.hooks(),
      ...(rights === undefined ? {} : { missingRights: rights }),
    };
  }

  /** Each resource once: whoever may not list it lacks the single reads, and the watch, in all likelihood too. */
  #missingRights(): MissingRights | undefined {
    const { namespace, configuration, deniedReads } = this.#parts;
    const lists = [...this.#unavailable]
      .filter(([, now]) => now === 'forbidden')
      .map(([name]) => deniedResource(name));
    const isTold = ({ resource }: ReadResource): boolean =>
      lists.some((each) => each.resource === resource);
    const reads = deniedReads()
      .filter((each) => !isTold(each))
      .map(deniedRead);
    const isWide = namespace === undefined && [...lists, ...reads].some(isOfConfigMaps);
    const own = isWide ? [] : configuration.denied.map(deniedConfiguration);
    return missingRights([...lists, ...reads, ...own], { user: this.#user, namespace });
  }

  #awaited(): readonly string[] {
    return this.#parts
      .followers()
      .filter(({ name, isSynced }) => !isSynced && !this.#unavailable.has(name))
      .map(({ name }) => name);
  }

  #unheard(): ClusterStanding['unheard'] {
    const { followers, clock } = this.#parts;
    return followers().flatMap(({ name, isSynced, isCurrent, heardAtMs = 0 }) => {
      const isFollowed = !isSynced || isCurrent || this.#unavailable.has(name);
      return isFollowed || clock.now() - heardAtMs < unheardMs
        ? []
        : [{ resource: name, heardS: heardAtMs / 1_000 }];
    });
  }

  async #watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#become(await this.#look(signal));
      this.#tell();
      // The wait rejects when we are stopped in it; the loop then ends.
      await wait(lookEveryMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  async #look(signal: AbortSignal): Promise<Connection> {
    const isStarting = this.#awaited().length > 0;
    const followed = this.#parts.followers().filter(({ name }) => !this.#unavailable.has(name));
    const isWell = !isStarting && followed.every(({ isCurrent }) => isCurrent);
    const here: Connection = { connection: isStarting ? 'starting' : 'connected' };
    if (isWell && this.#connection.connection !== 'away') return here;
    try {
      await this.#parts.api.get('/version', AbortSignal.any([signal, AbortSignal.timeout(askMs)]));
      return here;
    } catch (thrown) {
      // Whoever may ask nothing at all is answered all the same.
      const isThere = thrown instanceof ApiRefusal && thrown.status === 403;
      return isThere ? here : { connection: 'away', problem: messageOf(thrown) };
    }
  }

  #become(now: Connection): void {
    if (now.connection === this.#connection.connection && now.problem === this.#connection.problem)
      return;
    const came = this.#connection.connection === 'away' && now.connection !== 'away';
    if (now.connection !== this.#connection.connection) this.#sinceMs = this.#parts.clock.now();
    this.#connection = now;
    if (came) this.#parts.changed(true);
  }

  /** Whatever of it has changed: progress, rights, the configuration, the connection. */
  #tell(): void {
    const told = JSON.stringify(this.now());
    if (told === this.#told) return;
    this.#told = told;
    this.#parts.changed(false);
  }
}

const consequences: Readonly<Record<string, string>> = {
  namespaces:
    'Which namespaces have the label is not seen, nor whether the webhook sees what is in them.',
  pods: 'Pods are not seen: whether they run with the helper, and what is injected pod by pod.',
  configmaps: 'Envoy configurations are not looked at: a workload may be refused for one.',
  mutatingwebhookconfigurations:
    'The hooks are not seen: whether svidecar is installed, and where, is not known, nor are certificates.',
};

function deniedResource(resource: string): DeniedResource {
  const kind = workloadKinds.find((each) => each.resource === resource);
  const group = resource.startsWith('mutating')
    ? 'admissionregistration.k8s.io'
    : (kindNamed(kind?.kind ?? '')?.group ?? '');
  return {
    group,
    resource,
    verbs: ['get', 'list', 'watch'],
    consequence: own(consequences, resource) ?? `No ${kind?.kind ?? resource} is seen.`,
  };
}

function deniedRead({ group, resource }: ReadResource): DeniedResource {
  const consequence =
    own(consequences, resource) ?? 'Some are listed, and cannot be judged or looked at closer.';
  return { group, resource, verbs: ['get'], consequence };
}

function deniedConfiguration({ group, resource, namespace, name }: AccessRight): DeniedResource {
  const consequence = 'The configuration is not known: built-in defaults are assumed.';
  const one = { namespace: namespace ?? '', name: name ?? '' };
  return { group, resource, verbs: ['get'], one, consequence };
}

function isOfConfigMaps({ resource }: ReadResource): boolean {
  return resource === 'configmaps';
}
