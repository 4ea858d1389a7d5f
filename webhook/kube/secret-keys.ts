/** Watches and writes one Secret of our namespace: text values by key. Invariant: its values are never logged. */
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ApiRefusal } from './kubernetes-api.ts';
import { ReflectorStore } from './reflector-store.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';

export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

export interface SecretEntry {
  readonly name: string;
  readonly uid: string;
  readonly version: string;
  readonly data: Readonly<Record<string, string>>;
  /** As received, for the write that replaces it. */
  readonly object: JsonObject;
}

/** How the API server answers when another client was faster. */
const conflict = 409;
const notFound = 404;
const invalid = 422;

export class SecretKeys {
  readonly #secret: SecretName;
  readonly #options: ReflectorOptions;
  readonly #followed = new ReflectorStore<SecretEntry>();
  readonly #reflector: Reflector<SecretEntry>;
  #signal: AbortSignal = AbortSignal.abort();

  constructor(secret: SecretName, options: ReflectorOptions) {
    this.#secret = secret;
    this.#options = options;
    this.#reflector = new Reflector(
      {
        name: 'secrets',
        path: this.#path(),
        // The only form of list and watch that permission for one named Secret allows.
        selector: `fieldSelector=metadata.name%3D${encodeURIComponent(secret.name)}`,
        slim: slimSecret,
        ...this.#followed.sink,
      },
      options,
    );
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    void this.#reflector.run(signal);
  }

  /** Undefined before the first list. */
  current(): SecretEntry | 'absent' | undefined {
    if (!this.#reflector.isSynced) return undefined;
    return this.#followed.get(this.#secret.name) ?? 'absent';
  }

  onChange(listener: () => void): () => void {
    const end = this.#followed.onChange(listener);
    // The first list may be empty, so that it changes nothing.
    void this.#reflector.synced().then(listener);
    return end;
  }

  /**
   * Replaces all data. Labels, annotations and type stay, whoever set them.
   * @throws {ApiRefusal | AppError} CLUSTER_UNREACHABLE
   */
  async write(
    data: Readonly<Record<string, string>>,
    basedOn: { readonly version: string } | 'absent',
  ): Promise<'written' | 'conflict'> {
    const current = this.current();
    if (basedOn === 'absent') return this.#try(() => this.#create(data));
    if (current === undefined || current === 'absent' || current.version !== basedOn.version) {
      return 'conflict';
    }
    return this.#try(() => this.#replace(current, data));
  }

  async #create(data: Readonly<Record<string, string>>): Promise<void> {
    const { api } = this.#options;
    const { name, namespace } = this.#secret;
    const labels = { 'app.kubernetes.io/name': 'svidecar' };
    const metadata = { name, namespace, labels };
    const type = 'kubernetes.io/tls';
    const object = { apiVersion: 'v1', kind: 'Secret', metadata, type, data: encoded(data) };
    this.#took(await api.create(this.#path(), object, this.#signal));
  }

  async #replace(current: SecretEntry, data: Readonly<Record<string, string>>): Promise<void> {
    const { api } = this.#options;
    const path = `${this.#path()}/${encodeURIComponent(current.name)}`;
    const object = { ...current.object, data: encoded(data) };
    try {
      this.#took(await api.replace(path, object, this.#signal));
    } catch (thrown) {
      if (!isRefusal(thrown, invalid) || current.object['immutable'] !== true) throw thrown;
      // It was made immutable: only a new one can hold new keys.
      const preconditions = { uid: current.uid, resourceVersion: current.version };
      await api.remove(path, preconditions, this.#signal);
      await this.#create(data);
    }
  }

  #took(object: JsonObject): void {
    this.#followed.put(slimSecret(object));
  }

  async #try(write: () => Promise<void>): Promise<'written' | 'conflict'> {
    try {
      await write();
      return 'written';
    } catch (thrown) {
      // What the winner wrote arrives through the watch.
      if (isRefusal(thrown, conflict) || isRefusal(thrown, notFound)) return 'conflict';
      throw thrown;
    }
  }

  #path(): string {
    return `/api/v1/namespaces/${encodeURIComponent(this.#secret.namespace)}/secrets`;
  }
}

function isRefusal(thrown: unknown, status: number): boolean {
  return thrown instanceof ApiRefusal && thrown.status === status;
}

function slimSecret(object: JsonObject): SecretEntry {
  const metadata = objectAt(object, 'metadata');
  const data = objectAt(object, 'data');
  return {
    name: stringAt(metadata, 'name') ?? '',
    uid: stringAt(metadata, 'uid') ?? '',
    version: stringAt(metadata, 'resourceVersion') ?? '',
    data: Object.fromEntries(
      Object.keys(data).map((key) => [key, decoded(stringAt(data, key) ?? '')]),
    ),
    object,
  };
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

function encoded(data: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  );
}
