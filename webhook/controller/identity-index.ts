/** Which identities the stored objects wish, each held once however many objects wish it. */
import type { OwnerReference } from '../desired/desired.ts';
import type { IdentityGroup } from '../desired/registrations.ts';
import type { IdentityWish } from '../desired/workload-identity.ts';

export interface WishingObject {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  readonly wish: IdentityWish;
  /** Undefined for a pod that a controller made: nobody is told of it. */
  readonly workload: OwnerReference | undefined;
}

interface Group {
  readonly wish: IdentityWish;
  /** By kind and name. */
  readonly objects: Map<string, OwnerReference | undefined>;
}

interface NamespaceWishes {
  readonly groups: Map<string, Group>;
  /** Kind and name → key of the group. */
  readonly groupOf: Map<string, string>;
}

export class IdentityIndex {
  readonly #namespaces = new Map<string, NamespaceWishes>();
  readonly #changed: (namespace: string) => void;

  constructor(changed: (namespace: string) => void) {
    this.#changed = changed;
  }

  namespaces(): readonly string[] {
    return [...this.#namespaces.keys()];
  }

  groups(namespace: string): readonly IdentityGroup[] {
    const groups = this.#namespaces.get(namespace)?.groups.values() ?? [];
    return [...groups].map(({ wish, objects }) => ({
      namespace,
      wish,
      workloads: [...objects.values()].filter((each) => each !== undefined),
    }));
  }

  /** Different wishes, over all namespaces. */
  get size(): number {
    let size = 0;
    for (const { groups } of this.#namespaces.values()) size += groups.size;
    return size;
  }

  put(object: WishingObject): void {
    const { namespace, wish, workload } = object;
    const key = objectKey(object.kind, object.name);
    const wishes = this.#wishesOf(namespace);
    // Workloads and pods of one identity are apart, so that it is seen which of them wish it.
    const groupKey = JSON.stringify([wish, workload === undefined]);
    const before = wishes.groupOf.get(key);
    if (before === groupKey && wishes.groups.get(groupKey)?.objects.get(key)?.uid === workload?.uid)
      return;
    if (before !== undefined) removeFrom(wishes, before, key);
    let group = wishes.groups.get(groupKey);
    if (group === undefined) {
      group = { wish, objects: new Map() };
      wishes.groups.set(groupKey, group);
    }
    group.objects.set(key, workload);
    wishes.groupOf.set(key, groupKey);
    this.#changed(namespace);
  }

  drop(kind: string, namespace: string, name: string): void {
    const wishes = this.#namespaces.get(namespace);
    const key = objectKey(kind, name);
    const groupKey = wishes?.groupOf.get(key);
    if (wishes === undefined || groupKey === undefined) return;
    removeFrom(wishes, groupKey, key);
    wishes.groupOf.delete(key);
    if (wishes.groupOf.size === 0) this.#namespaces.delete(namespace);
    this.#changed(namespace);
  }

  /** Replaces all of one kind. */
  replace(kind: string, objects: readonly WishingObject[]): void {
    const listed = new Set(objects.map(({ namespace, name }) => `${namespace}/${name}`));
    const prefix = objectKey(kind, '');
    for (const [namespace, { groupOf }] of this.#namespaces) {
      for (const key of [...groupOf.keys()]) {
        const name = key.slice(prefix.length);
        if (key.startsWith(prefix) && !listed.has(`${namespace}/${name}`))
          this.drop(kind, namespace, name);
      }
    }
    for (const object of objects) this.put(object);
  }

  #wishesOf(namespace: string): NamespaceWishes {
    let wishes = this.#namespaces.get(namespace);
    if (wishes === undefined) {
      wishes = { groups: new Map(), groupOf: new Map() };
      this.#namespaces.set(namespace, wishes);
    }
    return wishes;
  }
}

function removeFrom({ groups }: NamespaceWishes, groupKey: string, key: string): void {
  const group = groups.get(groupKey);
  group?.objects.delete(key);
  if (group?.objects.size === 0) groups.delete(groupKey);
}

function objectKey(kind: string, name: string): string {
  return `${kind}/${name}`;
}
