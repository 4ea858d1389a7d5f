/** What the webhook gets from this folder, and what this folder needs from outside; main connects them. */

/** PEM texts of a chain and its key, already checked as a pair. */
export interface ServingPair {
  readonly certificate: string;
  readonly key: string;
  /** Unix seconds: the leaf's notAfter. */
  readonly notAfter: number;
}

/** Always the newest good pair. */
export interface CertificateSource {
  /** Undefined before the first good pair. */
  current(): ServingPair | undefined;
  /** Calls back after each new good pair; returns how to stop. */
  onChange(listener: (pair: ServingPair) => void): () => void;
}

/** The Secret as text values by key. */
export interface StoredKeys {
  /** The resourceVersion: a write succeeds only while it is the newest. */
  readonly version: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface KeyStore {
  /** Undefined before it is known. */
  current(): StoredKeys | 'absent' | undefined;
  onChange(listener: () => void): () => void;
  /**
   * Replaces all data, unless somebody else has written since.
   * @throws {AppError} CLUSTER_UNREACHABLE, or what the API server refused
   */
  write(data: StoredKeys['data'], basedOn: StoredKeys | 'absent'): Promise<'written' | 'conflict'>;
}

/** One webhook of ours, as the API server sees it. */
export interface Hook {
  readonly name: string;
  /** What the API server calls: DNS name or IP address. */
  readonly host: string;
  /** PEM text; empty where nothing is set. */
  readonly caBundle: string;
}

export interface HookConfiguration {
  readonly name: string;
  readonly version: string;
  readonly hooks: readonly Hook[];
  /** Who else has written a caBundle, by field manager. */
  readonly otherWriters: readonly string[];
}

export interface HookConfigurations {
  /** Undefined before the first list; afterwards the last one, also while the API server is away. */
  current(): readonly HookConfiguration[] | undefined;
  onChange(listener: () => void): () => void;
  /**
   * Sets the caBundle of the named hooks, unless somebody else has written since.
   * @param bundles PEM texts by name of the hook
   * @throws {AppError} CLUSTER_UNREACHABLE, or what the API server refused
   */
  writeBundles(
    configuration: HookConfiguration,
    bundles: ReadonlyMap<string, string>,
  ): Promise<'written' | 'conflict'>;
}

/** One of the replicas acts for all. */
export interface Leadership {
  isLeader(): boolean;
  onChange(listener: () => void): () => void;
}
