/** What the room certs/ needs from outside, in memory: a Secret, webhook configurations, a Lease. */
import type {
  HookConfiguration,
  HookConfigurations,
  KeyStore,
  Leadership,
  StoredKeys,
} from '../../certs/certificate-ports.ts';

class Told {
  readonly #listeners = new Set<() => void>();

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** A Secret with a resourceVersion. */
export class FakeSecret extends Told implements KeyStore {
  stored: StoredKeys | 'absent' | undefined = 'absent';
  writes = 0;
  /** Called before each write is looked at: a second writer, or a refusal. */
  before: () => void = () => undefined;
  #version = 1;

  current(): StoredKeys | 'absent' | undefined {
    return this.stored;
  }

  /** As somebody else does. */
  put(data: StoredKeys['data'] | 'absent'): void {
    this.#version += 1;
    this.stored = data === 'absent' ? data : { version: String(this.#version), data };
    this.tell();
  }

  get data(): StoredKeys['data'] {
    return this.stored === 'absent' || this.stored === undefined ? {} : this.stored.data;
  }

  write(data: StoredKeys['data'], basedOn: StoredKeys | 'absent'): Promise<'written' | 'conflict'> {
    try {
      this.before();
    } catch (thrown) {
      return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
    const version = basedOn === 'absent' ? undefined : basedOn.version;
    const now =
      this.stored === 'absent' || this.stored === undefined ? undefined : this.stored.version;
    if (version !== now) return Promise.resolve('conflict');
    this.writes += 1;
    this.put(data);
    return Promise.resolve('written');
  }
}

/** Two configurations with a hook each. */
export class FakeHooks extends Told implements HookConfigurations {
  readonly bundles = new Map([
    ['pods', ''],
    ['workloads', ''],
  ]);
  isListed = true;
  writes = 0;
  before: () => void = () => undefined;
  #version = 1;

  current(): readonly HookConfiguration[] | undefined {
    if (!this.isListed) return undefined;
    return [...this.bundles].map(([name, caBundle]) => ({
      name,
      version: String(this.#version),
      hooks: [{ name, host: 'svidecar.svidecar.svc', caBundle }],
      otherWriters: [],
    }));
  }

  /** As somebody else does. */
  put(name: string, caBundle: string): void {
    this.#version += 1;
    this.bundles.set(name, caBundle);
    this.tell();
  }

  writeBundles(
    _configuration: HookConfiguration,
    bundles: ReadonlyMap<string, string>,
  ): Promise<'written' | 'conflict'> {
    try {
      this.before();
    } catch (thrown) {
      return Promise.reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
    this.writes += 1;
    for (const [name, text] of bundles) this.put(name, text);
    return Promise.resolve('written');
  }
}

export class FakeLease extends Told implements Leadership {
  #leads: boolean;

  constructor(leads: boolean) {
    super();
    this.#leads = leads;
  }

  isLeader(): boolean {
    return this.#leads;
  }

  set(leads: boolean): void {
    this.#leads = leads;
    this.tell();
  }
}
