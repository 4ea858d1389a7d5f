/** What the controller's memory of the cluster gives to the rest of the program; main connects them. */
import type { SourceConfigMap } from '../desired/desired.ts';

/** What admission reads while it decides: synchronous, from memory. */
export interface ClusterView {
  /** Undefined when it does not exist, or is ours, or svidecar does not act in its namespace. */
  configMap(namespace: string, name: string): SourceConfigMap | undefined;
  /** The object with one of our names, ours or not; undefined as above. */
  held(namespace: string, name: string): Held | undefined;
  /** Value of the namespace label `svidecar.dev/injection`. */
  injection(namespace: string): string | undefined;
  /** Whether EnvoyFilters can be kept: only where Istio's kinds are, and svidecar may. */
  envoyFilters(): 'there' | 'absent' | 'forbidden' | 'unknown';
  /** Undefined before the server has reported it. */
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
