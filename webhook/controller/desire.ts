/** What the controller asks of the pure rooms; main connects them. */
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
