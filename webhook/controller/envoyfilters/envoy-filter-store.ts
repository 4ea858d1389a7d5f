/** Our EnvoyFilters as the watch brings them, and whether the cluster has such a kind. */
import { managedBy } from '../../desired/desired.ts';
import { envoyFilterKind, isEnvoyFilterName } from '../../istio/istio-plan.ts';
import type { Availability, FollowedResource } from '../../kube/followed-resource.ts';
import { pathOf } from '../../kube/read-list.ts';
import { NamespaceIndex } from '../namespace-index.ts';
import { slimEnvoyFilter, type EnvoyFilterEntry } from './stored-envoy-filters.ts';

/** `unknown` until the first answer. */
export type EnvoyFilterStanding = Availability | 'unknown';

/** Whoever keeps them: told of a namespace in which something changed, and of a kind that came or went. */
export interface EnvoyFilterListener {
  revise(namespace: string): void;
  reviseAll(): void;
}

export class EnvoyFilterStore {
  readonly #listener: () => EnvoyFilterListener;
  readonly #entries = new NamespaceIndex<EnvoyFilterEntry>();
  /** Everything that happened up to this version is known. */
  #version = 0;
  #standing: EnvoyFilterStanding = 'unknown';

  constructor(listener: () => EnvoyFilterListener) {
    this.#listener = listener;
  }

  get standing(): EnvoyFilterStanding {
    return this.#standing;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(namespace: string, name: string): EnvoyFilterEntry | undefined {
    return this.#entries.get(namespace, name);
  }

  of(namespace: string): ReadonlyMap<string, EnvoyFilterEntry> {
    return this.#entries.of(namespace);
  }

  namespaces(): ReadonlySet<string> {
    return new Set(this.#entries.all().map(({ namespace }) => namespace));
  }

  /** Takes the answer to a call of ours, unless the watch was here first: it may have told of the object's end as well. */
  answer(entry: EnvoyFilterEntry): void {
    if (Number(entry.resourceVersion) > this.#version) this.#set(entry);
  }

  /** Of others there is nothing to see, so their EnvoyFilters are not even sent. */
  followed(): FollowedResource<EnvoyFilterEntry> {
    const labels = Object.entries(managedBy).map(([key, value]) => `${key}=${value}`);
    return {
      name: envoyFilterKind.resource,
      path: pathOf(envoyFilterKind),
      selector: `labelSelector=${encodeURIComponent(labels.join())}`,
      slim: (object) => {
        const entry = slimEnvoyFilter(object);
        return isEnvoyFilterName(entry.name) ? entry : undefined;
      },
      replace: (entries, version) => {
        this.#replace(entries, version);
      },
      put: (entry) => {
        this.#put(entry);
      },
      drop: (namespace, name) => {
        this.#drop(namespace, name);
      },
      available: (now) => {
        this.#standing = now;
        this.#listener().reviseAll();
      },
    };
  }

  #put(entry: EnvoyFilterEntry): void {
    this.#version = Number(entry.resourceVersion);
    const known = this.get(entry.namespace, entry.name);
    // An event may come after the answer to our own later write.
    const isOlder = Number(known?.resourceVersion) > Number(entry.resourceVersion);
    if (known?.uid !== entry.uid || !isOlder) this.#set(entry);
  }

  #set(entry: EnvoyFilterEntry): void {
    const known = this.get(entry.namespace, entry.name);
    if (known?.uid === entry.uid && known.resourceVersion === entry.resourceVersion) return;
    this.#entries.put(entry.name, entry);
    this.#listener().revise(entry.namespace);
  }

  #drop(namespace: string, name: string): void {
    if (this.#entries.drop(namespace, name)) this.#listener().revise(namespace);
  }

  #replace(entries: readonly EnvoyFilterEntry[], version: string): void {
    this.#version = Number(version);
    const listed = new Set(entries.map(keyOf));
    for (const entry of this.#entries.all())
      if (!listed.has(keyOf(entry))) this.#drop(entry.namespace, entry.name);
    for (const entry of entries) this.#set(entry);
  }
}

function keyOf({ namespace, name }: EnvoyFilterEntry): string {
  return `${namespace}/${name}`;
}
