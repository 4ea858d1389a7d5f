/** The input of a survey, and what later steps start from. */
import type { ClusterFacts } from '../checks/facts.ts';
import type { ConnectedApi } from '../kube/connection.ts';
import type { Engine } from '../injection/inject.ts';

export interface ConfigText {
  readonly text: string;
  /** For messages. */
  readonly where: string;
}

export interface EngineSource {
  /** Whether the user gave a configuration: the cluster's is then not read. */
  readonly isGiven: boolean;
  /** @throws {AppError} CONFIG_INVALID, TEMPLATE_INVALID, FILE_UNREADABLE */
  readonly make: (
    minor: number,
    config: ConfigText | undefined,
    /** Whose engine it is to be; absent, or empty: that of the installation without a name. */
    revision?: string,
  ) => Engine;
}

export interface SurveyOptions {
  readonly api: ConnectedApi;
  /** Absent: all namespaces. */
  readonly namespace: string | undefined;
  /** Through whose eyes, where several installations are there; absent: the default's. */
  readonly revision?: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly engines: EngineSource;
  readonly workloadApi: ClusterFacts['workloadApi'];
  readonly spire: ClusterFacts['spire'];
  /** Whether the helper of every pod is asked what it has in hand. */
  readonly asksHelpers: boolean;
  /** Whether Istio's proxy of every pod is asked which certificate it has. */
  readonly asksProxies: boolean;
  readonly signal: AbortSignal;
}

/** What later steps start from. */
export interface Site extends SurveyOptions {
  readonly objects: ClusterFacts['objects'];
  readonly ownNamespace: string;
  /** Of the installation by which everything is judged; empty for the one without a name. */
  readonly judgedBy: string;
}
