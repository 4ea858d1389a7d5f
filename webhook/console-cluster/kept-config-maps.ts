/** The ConfigMaps that decisions depend on, and who depends on each. */
import { objectAt, stringAt, textsAt, type JsonObject } from '#kernel/json.ts';
import type { ConfigMapView } from '../admission/check-envoy.ts';

/** Characters of all texts together; of what goes beyond, only the size is kept. */
const maxChars = 128 * 1024 * 1024;

interface Kept {
  readonly view: ConfigMapView;
  readonly chars: number;
}

export class KeptConfigMaps {
  /** Ids of workloads by `namespace/name`. */
  readonly #users = new Map<string, Set<string>>();
  readonly #wants = new Map<string, readonly string[]>();
  /** Undefined: there is none. */
  readonly #kept = new Map<string, Kept | undefined>();
  readonly #changed: (key: string) => void;
  #chars = 0;

  /** @param changed is told of each wanted one that comes, changes or goes */
  constructor(changed: (key: string) => void) {
    this.#changed = changed;
  }

  /** What a workload depends on from now on. */
  want(id: string, namespace: string, names: readonly string[]): void {
    this.forget(id);
    const keys = names.map((name) => `${namespace}/${name}`);
    if (keys.length === 0) return;
    this.#wants.set(id, keys);
    for (const key of keys) {
      const users = this.#users.get(key) ?? new Set<string>();
      users.add(id);
      this.#users.set(key, users);
    }
  }

  forget(id: string): void {
    for (const key of this.#wants.get(id) ?? []) {
      const users = this.#users.get(key);
      users?.delete(id);
      if (users?.size === 0) {
        this.#users.delete(key);
        this.#set(key, undefined);
        this.#kept.delete(key);
      }
    }
    this.#wants.delete(id);
  }

  usersOf(key: string): readonly string[] {
    return [...(this.#users.get(key) ?? [])];
  }

  isWanted(namespace: string, name: string): boolean {
    return this.#users.has(`${namespace}/${name}`);
  }

  /** Names that a workload depends on, and of which nothing is known yet. */
  unknownTo(id: string): readonly string[] {
    return (this.#wants.get(id) ?? [])
      .filter((key) => !this.#kept.has(key))
      .map((key) => key.slice(key.indexOf('/') + 1));
  }

  /** As the engine reads it. */
  readonly read = (namespace: string, name: string): ConfigMapView | undefined =>
    this.#kept.get(`${namespace}/${name}`)?.view;

  put(configMap: JsonObject): void {
    const key = keyOf(configMap);
    if (this.#keep(key, configMap)) this.#changed(key);
  }

  /** One that was looked for. Nobody is told: whoever looked knows. */
  setFound(configMap: JsonObject): void {
    this.#keep(keyOf(configMap), configMap);
  }

  /** The same for one that is not there, or may not be read. */
  setAbsent(namespace: string, name: string): void {
    this.#set(`${namespace}/${name}`, undefined);
  }

  drop(namespace: string, name: string): void {
    const key = `${namespace}/${name}`;
    if (!this.#users.has(key)) return;
    this.#set(key, undefined);
    this.#changed(key);
  }

  /** All that there are; those that are not among them are known not to be. */
  replace(configMaps: readonly JsonObject[]): void {
    const listed = new Set<string>();
    for (const each of configMaps) {
      listed.add(keyOf(each));
      this.put(each);
    }
    for (const key of this.#users.keys()) {
      if (listed.has(key) || (this.#kept.has(key) && this.#kept.get(key) === undefined)) continue;
      this.#set(key, undefined);
      this.#changed(key);
    }
  }

  /** @returns whether it is wanted, and another than before */
  #keep(key: string, configMap: JsonObject): boolean {
    if (!this.#users.has(key)) return false;
    const view = viewOf(configMap);
    if (this.#kept.get(key)?.view.resourceVersion === view.resourceVersion) return false;
    this.#set(key, view);
    return true;
  }

  #set(key: string, view: ConfigMapView | undefined): void {
    this.#chars -= this.#kept.get(key)?.chars ?? 0;
    const chars = view === undefined ? 0 : charsOf(view);
    if (view === undefined) this.#kept.set(key, undefined);
    else if (this.#chars + chars > maxChars)
      this.#kept.set(key, { view: { ...view, data: {}, withheldBytes: chars }, chars: 0 });
    else {
      this.#kept.set(key, { view, chars });
      this.#chars += chars;
    }
  }
}

function keyOf(configMap: JsonObject): string {
  const metadata = objectAt(configMap, 'metadata');
  return `${stringAt(metadata, 'namespace') ?? ''}/${stringAt(metadata, 'name') ?? ''}`;
}

function viewOf(configMap: JsonObject): ConfigMapView {
  const resourceVersion = stringAt(objectAt(configMap, 'metadata'), 'resourceVersion') ?? '';
  const binaryData = textsAt(configMap, 'binaryData');
  const data = textsAt(configMap, 'data');
  return Object.keys(binaryData).length === 0
    ? { resourceVersion, data }
    : { resourceVersion, data, binaryData };
}

function charsOf({ data, binaryData = {} }: ConfigMapView): number {
  const texts = [...Object.values(data), ...Object.values(binaryData)];
  return texts.reduce((sum, { length }) => sum + length, 0);
}
