/** A survey as the console starts one: by the same flags as the console itself. */
import type { Clock } from '#kernel/clock.ts';
import type { ClusterFacts } from '../checks/facts.ts';
import type { ConnectedApi } from '../kube/connection.ts';
import type { EngineSource, SurveyOptions } from '../survey/site.ts';

export interface SurveySource {
  readonly api: ConnectedApi;
  /** Absent: all. */
  readonly namespace: string | undefined;
  readonly engines: EngineSource;
  /** By whose configuration; absent: the default's. */
  readonly revision?: string | undefined;
  readonly clock: Clock;
}

const notHere = {
  kind: 'not_asked',
  reason: 'svidecar check --socket asks it, on a node',
} as const;
const unasked = { kind: 'not_asked', reason: 'it is not needed for this' } as const;

export function surveyOptions(
  { api, namespace, engines, revision, clock }: SurveySource,
  signal: AbortSignal,
  more: { readonly spire?: ClusterFacts['spire']; readonly asksHelpers?: boolean } = {},
): SurveyOptions {
  return {
    api,
    namespace,
    engines,
    revision,
    nowMs: clock.now(),
    workloadApi: notHere,
    spire: more.spire ?? unasked,
    asksHelpers: more.asksHelpers ?? false,
    asksProxies: false,
    signal,
  };
}
