/** What the cluster room needs from the rest of the program, and gives to it; main connects them. */

/** A ConfigMap as admission and the controller read it. */
export interface SourceConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly data: Readonly<Record<string, string>>;
}

/** @see meta/v1 OwnerReference */
export interface OwnerRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** An object whose pod template (or that itself, for a Pod) carries our status annotation. */
export interface ConfigMapUser {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  /** Itself, or the controller that made it (a Deployment for the pods of its ReplicaSets, where we know both). */
  readonly owner: OwnerRef;
  /** Text of the annotation `svidecar.dev/status`. */
  readonly status: string;
}

export interface DesiredConfigMap {
  readonly namespace: string;
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
  readonly immutable: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly owners: readonly OwnerRef[];
}

export interface Desired {
  readonly configMaps: readonly DesiredConfigMap[];
  /** Sentences: what could not be made, where, and why. */
  readonly problems: readonly string[];
}

/** Says which ConfigMaps of ours should exist in a namespace. Pure. @param sources by name, of that namespace */
export type Desire = (
  namespace: string,
  users: readonly ConfigMapUser[],
  sources: ReadonlyMap<string, SourceConfigMap>,
) => Desired;

/** What admission reads while it decides: synchronous, from memory. */
export interface ClusterView {
  /** Undefined when it does not exist, or its namespace has neither our label nor a user of ours. */
  configMap(namespace: string, name: string): SourceConfigMap | undefined;
  /** Value of the namespace label `svidecar.dev/injection`. */
  injection(namespace: string): string | undefined;
  /** Undefined before the server has told it. */
  serverVersion(): ServerVersion | undefined;
}

export interface ServerVersion {
  readonly major: number;
  readonly minor: number;
}

/** The part of pino we use: fields first, constant message second. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A number for `/metrics`, read at each scrape. */
export interface Figure {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly samples: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}
