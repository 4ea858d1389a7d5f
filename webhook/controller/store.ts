/** Newest known state of the cluster, in memory: what watches bring, admission and the controller read. */
import type { AskerEntry, ConfigMapEntry, NamespaceEntry, UserEntry } from './kept-objects.ts';
import type { ConfigMapUser, OwnerReference, SourceConfigMap } from '../desired/desired.ts';
import { noRevision, revisionOfLabels } from '../request/revision.ts';
import { standingOf, type NamespaceStanding } from '../request/namespace-standing.ts';
import { BoundedTexts, listSifter, withheld, type HeldTextLimits } from './bounded-texts.ts';
import { NamespaceIndex } from './namespace-index.ts';
import { StatusTexts, type StatusLimits } from './status-texts.ts';

export interface StoreListener {
  /** Something that matters for the ConfigMaps of this namespace has changed. */
  readonly changed: (namespace: string) => void;
  /** ConfigMaps of this namespace that were not kept are needed now: list them, and say so by `fill`. */
  readonly configMapsWanted: (namespace: string) => void;
  /** Namespaces that are never touched, by the newest configuration. */
  readonly ignoredNamespaces: () => ReadonlySet<string>;
  readonly limits: HeldTextLimits & StatusLimits;
  /** Of the installation; absent for the one without a name. ConfigMaps of others are not ours to remove. */
  readonly revision?: string | undefined;
}

/** A list of one namespace that is awaited: ConfigMaps that went since it was asked for. */
export interface Filling {
  readonly gone: Set<string>;
}

/** A pod's ReplicaSet, and that one's Deployment: no built-in chain is longer than two (CronJob, Job, Pod). */
const longestOwnerChain = 3;

/**
 * Keeps ConfigMaps of namespaces where svidecar acts, and of namespaces not yet known (their own event may come later than
 * their ConfigMaps'); of others nothing, whatever labels and statuses their users write.
 */
export class ClusterStore {
  readonly #listener: StoreListener;
  readonly #namespaces = new Map<string, NamespaceEntry>();
  readonly #configMaps: BoundedTexts;
  /** Known namespaces whose ConfigMaps are kept. */
  readonly #kept = new Set<string>();
  /** Those whose list is awaited, with the names that went meanwhile. */
  readonly #filling = new Map<string, Filling>();
  /** Everything that happened to ConfigMaps up to this version is known. */
  #configMapsVersion = 0;
  readonly #users = new NamespaceIndex<UserEntry>();
  readonly #statuses: StatusTexts;
  readonly #askers = new NamespaceIndex<AskerEntry>();

  constructor(listener: StoreListener) {
    this.#listener = listener;
    this.#statuses = new StatusTexts(listener.limits);
    this.#configMaps = new BoundedTexts(listener.limits, listener.changed);
  }

  injection(namespace: string): string | undefined {
    return this.#namespaces.get(namespace)?.injection;
  }

  /** Whether svidecar acts there; a namespace that is not known has no label. */
  standing(namespace: string): NamespaceStanding {
    const { ignoredNamespaces } = this.#listener;
    return standingOf(namespace, this.injection(namespace), ignoredNamespaces());
  }

  /** Undefined unless its ConfigMaps are still to be listed. */
  filling(namespace: string): Filling | undefined {
    return this.#filling.get(namespace);
  }

  configMap(namespace: string, name: string): ConfigMapEntry | undefined {
    return this.#configMaps.get(namespace, name);
  }

  /** One that is not ours. */
  source(namespace: string, name: string): SourceConfigMap | undefined {
    const entry = this.#configMaps.get(namespace, name);
    return entry?.isManaged === true ? undefined : entry;
  }

  /** Those that are ours, by name; another revision's are not. */
  managed(namespace: string): ReadonlyMap<string, ConfigMapEntry> {
    const all = [...this.#configMaps.of(namespace)];
    const revision = this.#listener.revision ?? noRevision;
    return new Map(
      all.filter(([, { isManaged, labels }]) => isManaged && revisionOfLabels(labels) === revision),
    );
  }

  users(namespace: string): readonly (ConfigMapUser & { readonly changedAtMs: number })[] {
    return [...this.#users.of(namespace).values()].map((user) => ({
      namespace,
      kind: user.kind,
      name: user.name,
      status: user.status,
      ...(user.isStatusWithheld === true ? { isStatusWithheld: true } : {}),
      changedAtMs: user.changedAtMs,
      owner: this.#ownerOf(user),
    }));
  }

  /** Which revision the namespace names; undefined where it names none. */
  revision(namespace: string): string | undefined {
    return this.#namespaces.get(namespace)?.revision;
  }

  /** Objects that ask for something and were stored without it. */
  askers(namespace: string): readonly AskerEntry[] {
    return [...this.#askers.of(namespace).values()];
  }

  /** Namespaces with a user, an asker or a ConfigMap of ours. */
  busyNamespaces(): ReadonlySet<string> {
    const managed = this.#configMaps.all().filter((entry) => entry.isManaged);
    const all = [...managed, ...this.#users.all(), ...this.#askers.all()];
    return new Set(all.map((entry) => entry.namespace));
  }

  /** How much is kept, for metrics. */
  sizes(): Readonly<Record<'namespaces' | 'configMaps' | 'users' | 'askers', number>> {
    return {
      namespaces: this.#namespaces.size,
      configMaps: this.#configMaps.size,
      users: this.#users.size,
      askers: this.#askers.size,
    };
  }

  putNamespace(entry: NamespaceEntry): void {
    const { name } = entry;
    const before = this.#namespaces.get(name);
    this.#namespaces.set(name, entry);
    if (before !== undefined && isSameNamespace(before, entry)) return;
    this.#keepOrForget(name, before === undefined);
    this.#listener.changed(name);
  }

  dropNamespace(name: string): void {
    this.#namespaces.delete(name);
    this.#kept.delete(name);
    this.#filling.delete(name);
    this.#listener.changed(name);
  }

  /** Looks again at which namespaces are ignored. */
  reviseNamespaces(): void {
    for (const name of this.#namespaces.keys()) this.#keepOrForget(name, false);
  }

  replaceNamespaces(entries: readonly NamespaceEntry[]): void {
    const listed = new Set(entries.map((entry) => entry.name));
    for (const name of [...this.#namespaces.keys()]) {
      if (!listed.has(name)) this.dropNamespace(name);
    }
    for (const entry of entries) this.putNamespace(entry);
  }

  /** Takes the answer to a write of ours, unless the watch was here first: it may have told of the object's end as well. */
  answerConfigMap(entry: ConfigMapEntry): void {
    // Versions of one resource are ordered numbers, and a watch brings them in order.
    if (Number(entry.resourceVersion) <= this.#configMapsVersion) return;
    this.#setConfigMap(entry);
  }

  /** Takes what a watch brought, unless we know a newer version of the same object. */
  putConfigMap(entry: ConfigMapEntry): void {
    this.#configMapsVersion = Number(entry.resourceVersion);
    const before = this.#configMaps.get(entry.namespace, entry.name);
    // An event may come after the answer to our own later write.
    const isOlder = Number(before?.resourceVersion) > Number(entry.resourceVersion);
    if (before?.uid === entry.uid && isOlder) return;
    this.#setConfigMap(entry);
  }

  dropConfigMap(namespace: string, name: string): void {
    this.#filling.get(namespace)?.gone.add(name);
    if (!this.#configMaps.drop(namespace, name)) return;
    this.#readAgain(namespace);
    this.#listener.changed(namespace);
  }

  /** @param version of the list */
  replaceConfigMaps(entries: readonly ConfigMapEntry[], version: string): void {
    this.#configMapsVersion = Number(version);
    const listed = new Set(entries.map(keyOf));
    for (const entry of this.#configMaps.all()) {
      if (!listed.has(keyOf(entry))) this.dropConfigMap(entry.namespace, entry.name);
    }
    // A list is believed even where it goes back: the store of the cluster may have been restored from a backup.
    for (const entry of entries) this.#setConfigMap(entry);
    for (const namespace of new Set(entries.map((entry) => entry.namespace)))
      this.#readAgain(namespace);
  }

  /**
   * What a list may gather: nothing of namespaces whose ConfigMaps are not kept, of the others no more than may be held; and
   * what is known already once.
   */
  sifter(): (entry: ConfigMapEntry) => ConfigMapEntry {
    const sift = listSifter(this.#listener.limits);
    return (entry) => {
      if (!this.#isKept(entry.namespace)) return withheld(entry);
      const known = this.#configMaps.get(entry.namespace, entry.name);
      const isSame = known !== undefined && isSameConfigMap(known, entry);
      return isSame && known.withheldBytes === undefined ? known : sift(entry);
    };
  }

  /**
   * Takes the list of one namespace, while the watch of all goes on beside it: what the watch brought or ended meanwhile is
   * at least as new.
   */
  fill(namespace: string, filling: Filling, entries: readonly ConfigMapEntry[]): void {
    // The label may have gone and come meanwhile: then another list is on its way.
    if (this.#filling.get(namespace) !== filling) return;
    this.#filling.delete(namespace);
    for (const entry of entries) {
      const known = this.#configMaps.get(namespace, entry.name);
      const isOlder = Number(known?.resourceVersion) > Number(entry.resourceVersion);
      if (!isOlder && !filling.gone.has(entry.name)) this.#setConfigMap(entry);
    }
    this.#listener.changed(namespace);
  }

  putWorkload(entry: UserEntry | AskerEntry): void {
    if ('verdict' in entry) this.#putAsker(entry);
    else this.#putUser(entry);
  }

  dropWorkload(kind: string, namespace: string, name: string): void {
    const key = userKey({ kind, name });
    this.#dropAsker(namespace, key);
    this.#dropUser(namespace, key);
  }

  /** What a list of workloads may gather beside what is held: no more than may be held. */
  workloadSifter(): (entry: UserEntry | AskerEntry) => UserEntry | AskerEntry {
    const listed = new StatusTexts(this.#listener.limits);
    const copyOf = (namespace: string, text: string): string | undefined =>
      this.#statuses.held(namespace, text) ??
      (listed.isOverfull ? undefined : listed.take(namespace, text));
    return (entry) =>
      'verdict' in entry ? entry : withStatus(entry, (text) => copyOf(entry.namespace, text));
  }

  /** Replaces all of one kind. */
  replaceWorkloads(kind: string, entries: readonly (UserEntry | AskerEntry)[]): void {
    const listed = new Set(entries.map(keyOf));
    for (const entry of [...this.#users.all(), ...this.#askers.all()]) {
      if (entry.kind === kind && !listed.has(keyOf(entry))) {
        this.dropWorkload(kind, entry.namespace, entry.name);
      }
    }
    for (const entry of entries) this.putWorkload(entry);
  }

  #putUser(entry: UserEntry): void {
    const key = userKey(entry);
    this.#dropAsker(entry.namespace, key);
    const before = this.#users.get(entry.namespace, key);
    if (before !== undefined && isSameUser(before, entry)) return;
    const kept = withStatus(entry, (text) => this.#statuses.take(entry.namespace, text));
    if (before !== undefined) this.#giveStatusBack(before);
    this.#users.put(key, kept);
    if (before === undefined || !isSameUser(before, kept)) this.#listener.changed(entry.namespace);
    for (let more = this.#statuses.surplus(); more !== undefined; more = this.#statuses.surplus())
      this.#withhold(more);
  }

  #withhold({ namespace, texts }: NonNullable<ReturnType<StatusTexts['surplus']>>): void {
    for (const [key, user] of this.#users.of(namespace)) {
      if (!texts.has(user.status)) continue;
      this.#giveStatusBack(user);
      this.#users.put(
        key,
        withStatus(user, () => undefined),
      );
    }
    this.#listener.changed(namespace);
  }

  #giveStatusBack({ namespace, status, isStatusWithheld }: UserEntry): void {
    if (isStatusWithheld !== true) this.#statuses.giveBack(namespace, status);
  }

  #dropUser(namespace: string, key: string): void {
    const before = this.#users.get(namespace, key);
    if (before === undefined || !this.#users.drop(namespace, key)) return;
    this.#giveStatusBack(before);
    this.#listener.changed(namespace);
  }

  #putAsker(entry: AskerEntry): void {
    const key = userKey(entry);
    this.#dropUser(entry.namespace, key);
    const before = this.#askers.get(entry.namespace, key);
    if (before?.self.uid === entry.self.uid && isSameVerdict(before, entry)) return;
    this.#askers.put(key, entry);
    this.#listener.changed(entry.namespace);
  }

  #dropAsker(namespace: string, key: string): void {
    if (this.#askers.drop(namespace, key)) this.#listener.changed(namespace);
  }

  #setConfigMap(entry: ConfigMapEntry): void {
    const { namespace, name } = entry;
    if (!this.#isKept(namespace)) return;
    const before = this.#configMaps.get(namespace, name);
    if (before !== undefined && isSameConfigMap(before, entry)) {
      // Its texts may be held by now, and are not given up for none.
      if (before.withheldBytes === undefined || entry.withheldBytes !== undefined) return;
    }
    this.#configMaps.put(entry);
    this.#listener.changed(namespace);
  }

  /** Lists the namespace anew where a text that was lost would be held now. */
  #readAgain(namespace: string): void {
    if (!this.#kept.has(namespace) || this.#filling.has(namespace)) return;
    if (this.#configMaps.hasRoomFor(namespace)) this.#awaitList(namespace);
  }

  #awaitList(namespace: string): void {
    this.#filling.set(namespace, { gone: new Set() });
    this.#listener.configMapsWanted(namespace);
  }

  #isKept(namespace: string): boolean {
    return this.#kept.has(namespace) || !this.#namespaces.has(namespace);
  }

  /** @param isNew until now it was not known, so that its ConfigMaps were kept */
  #keepOrForget(namespace: string, isNew: boolean): void {
    if (this.standing(namespace) === 'acts') {
      if (this.#kept.has(namespace)) return;
      this.#kept.add(namespace);
      if (isNew) return;
      this.#awaitList(namespace);
    } else {
      this.#kept.delete(namespace);
      this.#filling.delete(namespace);
      for (const name of [...this.#configMaps.of(namespace).keys()])
        this.#configMaps.drop(namespace, name);
    }
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

function isSameNamespace(a: NamespaceEntry, b: NamespaceEntry): boolean {
  return a.injection === b.injection && a.revision === b.revision;
}

function isSameConfigMap(a: ConfigMapEntry, b: ConfigMapEntry): boolean {
  return a.uid === b.uid && a.resourceVersion === b.resourceVersion;
}

function keyOf(entry: { readonly namespace: string; readonly name: string }): string {
  return `${entry.namespace}/${entry.name}`;
}

function userKey(user: { readonly kind: string; readonly name: string }): string {
  return `${user.kind}/${user.name}`;
}

/** @param copyOf gives the one copy of a status, or nothing where there is no room */
function withStatus(
  { isStatusWithheld: wasWithheld, ...entry }: UserEntry,
  copyOf: (text: string) => string | undefined,
): UserEntry {
  const status = wasWithheld === true ? undefined : copyOf(entry.status);
  return status === undefined
    ? { ...entry, status: '', isStatusWithheld: true }
    : { ...entry, status };
}

function isSameUser(a: UserEntry, b: UserEntry): boolean {
  return (
    a.self.uid === b.self.uid &&
    a.controller?.uid === b.controller?.uid &&
    a.status === b.status &&
    a.isStatusWithheld === b.isStatusWithheld
  );
}

function isSameVerdict(left: AskerEntry, right: AskerEntry): boolean {
  const a = left.verdict;
  const b = right.verdict;
  return a.kind === b.kind && a.trace === b.trace && left.revision === right.revision;
}
