/** Newest known state of the cluster, in memory: what watches bring, admission and the controller read. */
import type { ConfigMapEntry, NamespaceEntry, UserEntry } from './objects.ts';
import type { ConfigMapUser, OwnerReference, SourceConfigMap } from '../desired/desired.ts';
import { Shelf } from './shelf.ts';

export interface StoreListener {
  /** Something that matters for the ConfigMaps of this namespace has changed. */
  readonly changed: (namespace: string) => void;
  /** ConfigMaps that were not kept are needed now: list them again. */
  readonly configMapsWanted: () => void;
}

/** A pod's ReplicaSet, and that one's Deployment: no built-in chain is longer than two (CronJob, Job, Pod). */
const longestOwnerChain = 3;

/**
 * Keeps ConfigMaps of namespaces that have our label or a user of ours, of namespaces not yet known (their own event may
 * come later than their ConfigMaps'), and all that carry our label; of others nothing.
 */
export class ClusterStore {
  readonly #listener: StoreListener;
  readonly #namespaces = new Map<string, NamespaceEntry>();
  readonly #configMaps = new Shelf<ConfigMapEntry>();
  readonly #users = new Shelf<UserEntry>();

  constructor(listener: StoreListener) {
    this.#listener = listener;
  }

  injection(namespace: string): string | undefined {
    return this.#namespaces.get(namespace)?.injection;
  }

  configMap(namespace: string, name: string): ConfigMapEntry | undefined {
    return this.#configMaps.get(namespace, name);
  }

  /** Those that are ours, by name. */
  managed(namespace: string): ReadonlyMap<string, ConfigMapEntry> {
    return this.#configMapsWhere(namespace, true);
  }

  /** Those that are not ours, by name. */
  sources(namespace: string): ReadonlyMap<string, SourceConfigMap> {
    return this.#configMapsWhere(namespace, false);
  }

  users(namespace: string): readonly ConfigMapUser[] {
    return [...this.#users.of(namespace).values()].map((user) => ({
      namespace,
      kind: user.kind,
      name: user.name,
      status: user.status,
      owner: this.#ownerOf(user),
    }));
  }

  /** Namespaces with a user or a ConfigMap of ours. */
  busyNamespaces(): ReadonlySet<string> {
    const managed = this.#configMaps.all().filter((entry) => entry.isManaged);
    return new Set([...managed, ...this.#users.all()].map((entry) => entry.namespace));
  }

  /** How much is kept, for metrics. */
  sizes(): { readonly namespaces: number; readonly configMaps: number; readonly users: number } {
    return {
      namespaces: this.#namespaces.size,
      configMaps: this.#configMaps.size,
      users: this.#users.size,
    };
  }

  putNamespace(entry: NamespaceEntry): void {
    const { name } = entry;
    const before = this.#namespaces.get(name);
    const wasKept = this.#isKept(name);
    this.#namespaces.set(name, entry);
    if (before?.injection === entry.injection && before !== undefined) return;
    if (!this.#isKept(name)) this.#forgetSources(name);
    else if (!wasKept) this.#listener.configMapsWanted();
    this.#listener.changed(name);
  }

  dropNamespace(name: string): void {
    this.#namespaces.delete(name);
    this.#listener.changed(name);
  }

  replaceNamespaces(entries: readonly NamespaceEntry[]): void {
    const listed = new Set(entries.map((entry) => entry.name));
    for (const name of [...this.#namespaces.keys()]) {
      if (!listed.has(name)) this.dropNamespace(name);
    }
    for (const entry of entries) this.putNamespace(entry);
  }

  /** Takes what a watch or an answer brought, unless we know a newer version of the same object. */
  putConfigMap(entry: ConfigMapEntry): void {
    const before = this.#configMaps.get(entry.namespace, entry.name);
    // An event may come after the answer to our own later write; versions of one object are ordered numbers.
    const isOlder = Number(before?.resourceVersion) > Number(entry.resourceVersion);
    if (before?.uid === entry.uid && isOlder) return;
    this.#setConfigMap(entry);
  }

  dropConfigMap(namespace: string, name: string): void {
    if (this.#configMaps.drop(namespace, name)) this.#listener.changed(namespace);
  }

  replaceConfigMaps(entries: readonly ConfigMapEntry[]): void {
    const listed = new Set(entries.map(keyOf));
    for (const entry of this.#configMaps.all()) {
      if (!listed.has(keyOf(entry))) this.dropConfigMap(entry.namespace, entry.name);
    }
    // A list is believed even where it goes back: the store of the cluster may have been restored from a backup.
    for (const entry of entries) this.#setConfigMap(entry);
  }

  putUser(entry: UserEntry): void {
    const key = userKey(entry);
    const before = this.#users.get(entry.namespace, key);
    if (before !== undefined && isSameUser(before, entry)) return;
    const wasKept = this.#isKept(entry.namespace);
    this.#users.put(key, entry);
    if (!wasKept) this.#listener.configMapsWanted();
    this.#listener.changed(entry.namespace);
  }

  dropUser(kind: string, namespace: string, name: string): void {
    if (!this.#users.drop(namespace, userKey({ kind, name }))) return;
    if (!this.#isKept(namespace)) this.#forgetSources(namespace);
    this.#listener.changed(namespace);
  }

  /** Replaces all users of one kind. */
  replaceUsers(kind: string, entries: readonly UserEntry[]): void {
    const listed = new Set(entries.map(keyOf));
    for (const entry of this.#users.all()) {
      if (entry.kind === kind && !listed.has(keyOf(entry))) {
        this.dropUser(kind, entry.namespace, entry.name);
      }
    }
    for (const entry of entries) this.putUser(entry);
  }

  #setConfigMap(entry: ConfigMapEntry): void {
    const { namespace, name } = entry;
    if (!entry.isManaged && !this.#isKept(namespace)) return;
    const before = this.#configMaps.get(namespace, name);
    if (before?.resourceVersion === entry.resourceVersion) return;
    this.#configMaps.put(name, entry);
    this.#listener.changed(namespace);
  }

  #isKept(namespace: string): boolean {
    const known = this.#namespaces.get(namespace);
    return (
      known === undefined || known.injection !== undefined || this.#users.of(namespace).size > 0
    );
  }

  #forgetSources(namespace: string): void {
    for (const entry of this.#configMaps.of(namespace).values()) {
      if (!entry.isManaged) this.#configMaps.drop(namespace, entry.name);
    }
  }

  #configMapsWhere(namespace: string, isManaged: boolean): ReadonlyMap<string, ConfigMapEntry> {
    const all = [...this.#configMaps.of(namespace)];
    return new Map(all.filter(([, entry]) => entry.isManaged === isManaged));
  }

  /** Climbs as far as we know the controllers: names of ReplicaSets and pods come and go, the Deployment stays. */
  #ownerOf(user: UserEntry): OwnerReference {
    let owner = user.controller ?? user.self;
    for (let i = 0; i < longestOwnerChain; i += 1) {
      const known = this.#users.get(user.namespace, userKey(owner));
      if (known?.self.uid !== owner.uid || known.controller === undefined) return owner;
      owner = known.controller;
    }
    return owner;
  }
}

function keyOf(entry: { readonly namespace: string; readonly name: string }): string {
  return `${entry.namespace}/${entry.name}`;
}

function userKey(user: { readonly kind: string; readonly name: string }): string {
  return `${user.kind}/${user.name}`;
}

function isSameUser(a: UserEntry, b: UserEntry): boolean {
  return (
    a.self.uid === b.self.uid && a.controller?.uid === b.controller?.uid && a.status === b.status
  );
}
