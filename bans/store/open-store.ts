/** Opens a store of bans, wherever it is. */
import type { Clock } from '#kernel/clock.ts';
import type { KubernetesApi } from '../../webhook/kube/kubernetes-api.ts';
import type { BanStore } from './ban-store.ts';
import { ConfigMapHome, type ConfigMapPlace } from './config-map-home.ts';
import { FileHome } from './file-home.ts';
import { ListStore } from './list-store.ts';

/** Where bans are kept. */
export type BanPlace =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'config_map'; readonly api: KubernetesApi; readonly place: ConfigMapPlace };

export interface StoreContext {
  readonly clock: Clock;
}

/** Nothing is asked yet. */
export function openBanStore(place: BanPlace, { clock }: StoreContext): Promise<BanStore> {
  const home =
    place.kind === 'file' ? new FileHome(place.file) : new ConfigMapHome(place.api, place.place);
  return Promise.resolve(new ListStore(home, clock));
}
