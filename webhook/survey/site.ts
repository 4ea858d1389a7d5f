/** What is asked of a cluster, and what later questions start from. */
import type { ClusterFacts } from '../checks/facts.ts';
import type { ConnectedApi } from '../kube/connection.ts';
import type { Engine } from '../injection/inject.ts';

export interface ConfigText {
  readonly text: string;
  /** For messages. */
  readonly where: string;
}

export interface EngineSource {
  /** Whether the user gave a configuration: the cluster's is then not asked for. */
  readonly isGiven: boolean;
  /** @throws {AppError} CONFIG_INVALID, TEMPLATE_INVALID, FILE_UNREADABLE */
  readonly make: (minor: number, config: ConfigText | undefined) => Engine;
}

export interface SurveyOptions {
  readonly api: ConnectedApi;
  /** Absent: all namespaces. */
  readonly namespace: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly engines: EngineSource;
  readonly workloadApi: ClusterFacts['workloadApi'];
  readonly spire: ClusterFacts['spire'];
  /** Whether the helper of every pod is asked what it has in hand. */
  readonly asksHelpers: boolean;
  readonly signal: AbortSignal;
}

/** What later questions start from. */
export interface Site extends SurveyOptions {
  readonly objects: ClusterFacts['objects'];
  readonly ownNamespace: string;
}
