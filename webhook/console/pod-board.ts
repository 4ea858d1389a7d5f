/** Unfinished pods with our keys, by the workload that they belong to. */
import { workloadId, type BoardWorkload, type SeenPod } from './board-entries.ts';
import type { WorkloadPods } from './console-model.ts';

/** Whether a workload is there itself, beside its pods. */
type IsThere = (id: string) => boolean;

export class PodBoard {
  readonly #touch: (id: string) => void;
  /** By `namespace/name`. */
  readonly #pods = new Map<string, SeenPod>();
  /** By id of whoever made them: their root, and the ReplicaSet where the root is a guess. */
  readonly #byMaker = new Map<string, Map<string, SeenPod>>();
  /** Ids of Jobs by the id of who made these, and the reverse. */
  readonly #jobs = new Map<string, Set<string>>();
  readonly #owners = new Map<string, string>();

  /** @param touch is told whose pods have changed */
  constructor(touch: (id: string) => void) {
    this.#touch = touch;
  }

  get size(): number {
    return this.#pods.size;
  }

  put(pod: SeenPod): void {
    const key = keyOf(pod);
    const before = this.#pods.get(key);
    if (before?.version === pod.version) return;
    if (before !== undefined) this.#remove(key, before);
    this.#pods.set(key, pod);
    for (const id of makersOf(pod)) {
      const pods = this.#byMaker.get(id) ?? new Map<string, SeenPod>();
      pods.set(key, pod);
      this.#byMaker.set(id, pods);
      this.#tell(id);
    }
  }

  drop(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    const before = this.#pods.get(key);
    if (before !== undefined) this.#remove(key, before);
  }

  /** All that there are. */
  replace(pods: readonly SeenPod[]): void {
    const listed = new Set(pods.map(keyOf));
    for (const [key, pod] of [...this.#pods]) if (!listed.has(key)) this.#remove(key, pod);
    for (const pod of pods) this.put(pod);
  }

  /** A controller's Job: its pods are the controller's. */
  adopt(job: string, owner: string): void {
    if (this.#owners.get(job) === owner) return;
    this.#owners.set(job, owner);
    const jobs = this.#jobs.get(owner) ?? new Set<string>();
    jobs.add(job);
    this.#jobs.set(owner, jobs);
    this.#touch(owner);
  }

  release(job: string, owner: string): void {
    this.#owners.delete(job);
    const jobs = this.#jobs.get(owner);
    jobs?.delete(job);
    if (jobs?.size === 0) this.#jobs.delete(owner);
    this.#touch(owner);
  }

  of(id: string): WorkloadPods {
    let total = 0;
    let ready = 0;
    let injected = 0;
    for (const pod of this.list(id)) {
      total += 1;
      ready += pod.isReady ? 1 : 0;
      injected += pod.isInjected ? 1 : 0;
    }
    return { total, ready, injected };
  }

  list(id: string): readonly SeenPod[] {
    const ids = [id, ...(this.#jobs.get(id) ?? [])];
    return ids.flatMap((each) => [...(this.#byMaker.get(each)?.values() ?? [])]);
  }

  /** Ids by which pods of a workload may be known where it is not there itself. */
  guessesOf(id: string): ReadonlySet<string> {
    return new Set(this.list(id).flatMap(makersOf));
  }

  /** One that stands for all: one without injection, where there is such a one. */
  sampleOf(id: string): SeenPod | undefined {
    const pods = this.list(id);
    return pods.find(({ isInjected }) => !isInjected) ?? pods[0];
  }

  /** A workload that is known by its pods alone: of a kind that is not followed, or that may not be read. */
  headOf(id: string, isThere: IsThere): BoardWorkload | undefined {
    const [first] = this.#byMaker.get(id)?.values() ?? [];
    if (first === undefined || this.#owners.has(id)) return undefined;
    const { namespace, root, replicaSet } = first;
    const rootId = workloadId(namespace, root.kind, root.name);
    const isGuess = replicaSet !== undefined;
    // Either the root is there, or its pods are shown by what is known for sure.
    if (isGuess && (id === rootId || isThere(rootId))) return undefined;
    const pods = this.list(id);
    return {
      namespace,
      kind: isGuess ? 'ReplicaSet' : root.kind,
      name: isGuess ? replicaSet : root.name,
      version: '',
      seen: {
        asks: pods.some(({ asks }) => asks),
        isInjected: pods.every(({ isInjected }) => isInjected),
        templates: [],
        configMaps: [],
        banLists: [],
      },
    };
  }

  #remove(key: string, pod: SeenPod): void {
    this.#pods.delete(key);
    for (const id of makersOf(pod)) {
      const pods = this.#byMaker.get(id);
      pods?.delete(key);
      if (pods?.size === 0) this.#byMaker.delete(id);
      this.#tell(id);
    }
  }

  #tell(id: string): void {
    this.#touch(id);
    const owner = this.#owners.get(id);
    if (owner !== undefined) this.#touch(owner);
  }
}

function keyOf({ namespace, name }: SeenPod): string {
  return `${namespace}/${name}`;
}

function makersOf({ namespace, root, replicaSet }: SeenPod): readonly string[] {
  const id = workloadId(namespace, root.kind, root.name);
  return replicaSet === undefined ? [id] : [id, workloadId(namespace, 'ReplicaSet', replicaSet)];
}
