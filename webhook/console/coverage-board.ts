/**
 * The coverage of a cluster as it is put together: namespaces, workloads and pods come and go, and each change is told once,
 * with the newest state of what changed, to whoever asks from a moment on. Memory: some hundred bytes for each object.
 */
import {
  workloadId,
  type BoardWorkload,
  type SeenNamespace,
  type Verdicts,
} from './board-entries.ts';
import type {
  CoverageChange,
  CoverageCounts,
  HookStanding,
  NamespaceRow,
  WorkloadPods,
  WorkloadRow,
} from './console-model.ts';
import { countsOf, standingOf } from './coverage-status.ts';
import { PodBoard } from './pod-board.ts';

interface Stamped<T> {
  readonly value: T;
  /** Of the flush that changed it. */
  readonly at: number;
}

/** What is gone is told to those who come back later, as far as it is remembered. */
const maxGone = 10_000;

export class CoverageBoard {
  readonly pods: PodBoard;
  readonly #namespaces = new Map<string, SeenNamespace>();
  readonly #workloads = new Map<string, BoardWorkload>();
  readonly #verdicts = new Map<string, Verdicts>();
  readonly #revisions = new Map<string, number>();
  readonly #rows = new Map<string, Stamped<WorkloadRow>>();
  readonly #namespaceRows = new Map<string, Stamped<NamespaceRow>>();
  /** Ids of rows by namespace. */
  readonly #byNamespace = new Map<string, Set<string>>();
  readonly #gone = new Map<
    string,
    { readonly kind: 'namespace' | 'workload'; readonly at: number }
  >();
  readonly #dirty = new Set<string>();
  readonly #dirtyNamespaces = new Set<string>();
  /** Whoever comes back from before this moment has missed something. */
  #forgottenAt = 0;
  #at = 0;
  #hooks: HookStanding = 'unknown';

  constructor() {
    this.pods = new PodBoard((id) => {
      this.#touch(id);
    });
  }

  /** Counts what was told: grows with each flush that changed something. */
  get moment(): number {
    return this.#at;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Whether anything is injected at all. */
  get hooks(): HookStanding {
    return this.#hooks;
  }

  setHooks(hooks: HookStanding): void {
    if (hooks === this.#hooks) return;
    this.#hooks = hooks;
    for (const id of this.#rows.keys()) this.#touch(id);
  }

  /** @returns whether its label has changed */
  putNamespace(namespace: SeenNamespace): boolean {
    const before = this.#namespaces.get(namespace.name);
    this.#namespaces.set(namespace.name, namespace);
    this.#dirtyNamespaces.add(namespace.name);
    const isRelabelled =
      before?.label !== namespace.label ||
      before.labelValue !== namespace.labelValue ||
      before.revision !== namespace.revision;
    if (isRelabelled) this.#touchAll(namespace.name);
    return isRelabelled;
  }

  dropNamespace(name: string): void {
    if (!this.#namespaces.delete(name)) return;
    this.#dirtyNamespaces.add(name);
    this.#touchAll(name);
  }

  /** All that there are. @returns names of those whose label has changed */
  replaceNamespaces(namespaces: readonly SeenNamespace[]): readonly string[] {
    const listed = new Set(namespaces.map(({ name }) => name));
    for (const name of [...this.#namespaces.keys()])
      if (!listed.has(name)) this.dropNamespace(name);
    return namespaces.filter((each) => this.putNamespace(each)).map(({ name }) => name);
  }

  /** Which revision the namespace names; undefined where it names none. */
  revisionOf(namespace: string): string | undefined {
    return this.#namespaces.get(namespace)?.revision;
  }

  label(namespace: string): NamespaceRow['label'] {
    return this.#namespaces.get(namespace)?.label ?? 'unknown';
  }

  /** @returns whether it is to be judged: it is ours, and new or changed */
  putWorkload(workload: BoardWorkload): boolean {
    const id = workloadId(workload.namespace, workload.kind, workload.name);
    const before = this.#workloads.get(id);
    const isOurs = workload.seen.asks || workload.seen.isInjected;
    if (before?.version === workload.version && (!isOurs || this.#verdicts.has(id))) return false;
    this.#workloads.set(id, workload);
    if (workload.madeBy !== undefined) this.pods.adopt(id, ownerId(workload));
    if (before === undefined) this.#touchGuesses(id);
    this.#touch(id);
    if (!isOurs) this.#verdicts.delete(id);
    return isOurs && workload.madeBy === undefined;
  }

  dropWorkload(id: string): void {
    const before = this.#workloads.get(id);
    if (before === undefined) return;
    this.#workloads.delete(id);
    this.#verdicts.delete(id);
    if (before.madeBy !== undefined) this.pods.release(id, ownerId(before));
    this.#touchGuesses(id);
    this.#touch(id);
  }

  idsOfKind(kind: string): readonly string[] {
    return [...this.#workloads].filter(([, each]) => each.kind === kind).map(([id]) => id);
  }

  /** Ids of the rows of a namespace that ask, or are injected. */
  idsIn(namespace: string): readonly string[] {
    return [...(this.#byNamespace.get(namespace) ?? [])].filter(
      (id) => this.row(id)?.status !== 'not_asked',
    );
  }

  workload(id: string): BoardWorkload | undefined {
    return this.#workloads.get(id);
  }

  workloads(): Iterable<readonly [string, BoardWorkload]> {
    return this.#workloads;
  }

  /** @param version that was judged: an older verdict does not count */
  setVerdicts(id: string, version: string, verdicts: Verdicts): void {
    const workload = this.#workloads.get(id);
    if (workload !== undefined && workload.version !== version) return;
    if (workload === undefined && this.pods.of(id).total === 0) return;
    this.#verdicts.set(id, verdicts);
    this.#touch(id);
  }

  /** What it depends on has changed: an open view of it is asked for again. */
  revise(id: string): void {
    this.#touch(id);
  }

  /** By a new configuration everything is judged anew. */
  forgetVerdicts(): void {
    this.#verdicts.clear();
    for (const id of this.#rows.keys()) this.#touch(id);
  }

  row(id: string): WorkloadRow | undefined {
    return this.#rows.get(id)?.value;
  }

  rows(): readonly WorkloadRow[] {
    return [...this.#rows.values()].map(({ value }) => value);
  }

  namespaceRows(): readonly NamespaceRow[] {
    return [...this.#namespaceRows.values()].map(({ value }) => value);
  }

  /** Works out what changed. @returns whether anything is to be told */
  flush(): boolean {
    if (this.#dirty.size === 0 && this.#dirtyNamespaces.size === 0) return false;
    this.#at += 1;
    for (const id of this.#dirty) this.#flushRow(id);
    this.#dirty.clear();
    for (const name of this.#dirtyNamespaces) this.#flushNamespace(name);
    this.#dirtyNamespaces.clear();
    this.#forget();
    return true;
  }

  /** The newest state of all that changed after a moment; undefined where that is not known any more. */
  changesSince(moment: number): CoverageChange | undefined {
    if (moment < this.#forgottenAt || moment > this.#at) return undefined;
    const newer = <T>(all: Iterable<Stamped<T>>): T[] =>
      [...all].filter(({ at }) => at > moment).map(({ value }) => value);
    const gone = [...this.#gone].filter(([, { at }]) => at > moment);
    const goneOf = (wanted: 'namespace' | 'workload'): string[] =>
      gone.filter(([, { kind }]) => kind === wanted).map(([key]) => key.slice(2));
    return {
      namespaces: newer(this.#namespaceRows.values()),
      goneNamespaces: goneOf('namespace'),
      workloads: newer(this.#rows.values()),
      goneWorkloads: goneOf('workload'),
    };
  }

  #touch(id: string): void {
    this.#revisions.set(id, (this.#revisions.get(id) ?? 0) + 1);
    this.#dirty.add(id);
  }

  /** Its pods stand for themselves while it is not there. */
  #touchGuesses(id: string): void {
    for (const each of this.pods.guessesOf(id)) if (each !== id) this.#touch(each);
  }

  #touchAll(namespace: string): void {
    for (const id of this.#byNamespace.get(namespace) ?? []) this.#touch(id);
  }

  #flushRow(id: string): void {
    const row = this.#rowOf(id);
    const before = this.#rows.get(id)?.value;
    const namespace = (row ?? before)?.namespace;
    if (namespace === undefined) {
      this.#revisions.delete(id);
      return;
    }
    const ids = this.#idsOf(namespace);
    if (row === undefined) {
      this.#rows.delete(id);
      this.#verdicts.delete(id);
      ids.delete(id);
      this.#setGone('workload', id);
    } else {
      this.#rows.set(id, { value: row, at: this.#at });
      ids.add(id);
      this.#gone.delete(`w ${id}`);
    }
    if (before?.status !== row?.status) this.#dirtyNamespaces.add(namespace);
  }

  #idsOf(namespace: string): Set<string> {
    const known = this.#byNamespace.get(namespace);
    if (known !== undefined) return known;
    const made = new Set<string>();
    this.#byNamespace.set(namespace, made);
    return made;
  }

  /** Undefined for what is no row, or no more. */
  #rowOf(id: string): WorkloadRow | undefined {
    const workload = this.#workloads.get(id) ?? this.#headOf(id);
    if (workload === undefined || workload.madeBy !== undefined) return undefined;
    const { namespace, kind, name, seen } = workload;
    const pods = this.pods.of(id);
    const verdicts = this.#verdicts.get(id);
    const standing = standingOf({
      seen,
      label: this.label(namespace),
      labelValue: this.#namespaces.get(namespace)?.labelValue,
      hooks: this.#hooks,
      // What is known by its pods alone stands and falls with them.
      isPod: !this.#workloads.has(id),
      pods: kind === 'Pod' ? soloPod(pods) : pods,
      verdict: verdicts?.verdict,
      podVerdict: verdicts?.podVerdict,
    });
    const templates = templatesOf(workload, verdicts);
    const revision = this.#revisions.get(id) ?? 0;
    return { id, namespace, kind, name, ...standing, templates, pods, revision };
  }

  #headOf(id: string): BoardWorkload | undefined {
    return this.pods.headOf(id, (each) => this.#workloads.has(each));
  }

  #flushNamespace(name: string): void {
    const ids = this.#byNamespace.get(name) ?? new Set<string>();
    const known = this.#namespaces.get(name);
    if (known === undefined && ids.size === 0) {
      this.#byNamespace.delete(name);
      if (this.#namespaceRows.delete(name)) this.#setGone('namespace', name);
      return;
    }
    const { label, isEnding }: Omit<SeenNamespace, 'name'> = known ?? {
      label: 'unknown',
      isEnding: false,
    };
    const labelValue = known?.labelValue;
    const value = {
      name,
      label,
      ...(labelValue === undefined ? {} : { labelValue }),
      isEnding,
      counts: this.#countsIn(ids),
    };
    this.#namespaceRows.set(name, { value, at: this.#at });
    this.#gone.delete(`n ${name}`);
  }

  #countsIn(ids: ReadonlySet<string>): CoverageCounts {
    return countsOf(
      [...ids].flatMap((id) => {
        const row = this.#rows.get(id);
        return row === undefined ? [] : [row.value];
      }),
    );
  }

  #setGone(kind: 'namespace' | 'workload', name: string): void {
    const key = `${kind === 'namespace' ? 'n' : 'w'} ${name}`;
    this.#gone.delete(key);
    this.#gone.set(key, { kind, at: this.#at });
    if (kind === 'workload') this.#revisions.delete(name);
  }

  #forget(): void {
    for (const [key, { at }] of this.#gone) {
      if (this.#gone.size <= maxGone) return;
      this.#gone.delete(key);
      this.#forgottenAt = at;
    }
  }
}

/** By the decision of today; where there is none, as injected. */
function templatesOf({ seen }: BoardWorkload, verdicts: Verdicts | undefined): readonly string[] {
  const templates = verdicts?.verdict.templates ?? [];
  return templates.length > 0 ? templates : seen.templates;
}

function ownerId({ namespace, madeBy }: BoardWorkload): string {
  return workloadId(namespace, madeBy?.kind ?? '', madeBy?.name ?? '');
}

/** A pod of its own is judged as the workload, not once more as its pod. */
function soloPod({ ready }: WorkloadPods): WorkloadPods {
  return { total: 0, ready, injected: 0 };
}
