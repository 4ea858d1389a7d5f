/** What the cluster room needs from the rest of the program, and gives to it; main connects them. */
import type {
  ConfigMapUser,
  Rendered,
  SourceConfigMap,
  WantedConfigMaps,
  WantedEnvoy,
} from '../desired/desired.ts';

/** Says which ConfigMaps of ours should exist in a namespace. Pure; a new configuration is a new object. */
export interface Desire {
  /** @param users all of one namespace */
  readonly wanted: (users: readonly ConfigMapUser[]) => WantedConfigMaps;
  readonly render: (
    namespace: string,
    envoy: WantedEnvoy,
    source: SourceConfigMap | undefined,
  ) => Rendered;
}

/** What admission reads while it decides: synchronous, from memory. */
export interface ClusterView {
  /** Undefined when it does not exist, or is ours, or svidecar does not act in its namespace. */
  configMap(namespace: string, name: string): SourceConfigMap | undefined;
  /** What stands under a name of ours, ours or not; undefined as above. */
  held(namespace: string, name: string): Held | undefined;
  /** Value of the namespace label `svidecar.dev/injection`. */
  injection(namespace: string): string | undefined;
  /** Undefined before the server has told it. */
  serverVersion(): ServerVersion | undefined;
}

/** @see HeldConfigMap of admission: the same shape, as the two rooms do not know each other. */
export interface Held {
  readonly isManaged: boolean;
  readonly holds: (data: Readonly<Record<string, string>>) => boolean;
}

export interface ServerVersion {
  readonly major: number;
  readonly minor: number;
}
