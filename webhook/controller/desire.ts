/** What the controller needs from the pure folders; main connects them. */
import type {
  ConfigMapUser,
  Rendered,
  SourceConfigMap,
  WantedConfigMaps,
  WantedEnvoy,
} from '../desired/desired.ts';

/** Decides which of our ConfigMaps should exist in a namespace. Pure; a new configuration is a new object. */
export interface Desire {
  /** @param users all of one namespace */
  readonly wanted: (users: readonly ConfigMapUser[]) => WantedConfigMaps;
  readonly render: (
    namespace: string,
    envoy: WantedEnvoy,
    source: SourceConfigMap | undefined,
  ) => Rendered;
}
