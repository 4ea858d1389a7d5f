/** Opens a store of bans, wherever it is. */
import type { Clock } from '#kernel/clock.ts';
import type { RedisSettings } from '../../sidecar/config/redis-settings.ts';
import { timersBy } from '../../sidecar/workload-api/system-timers.ts';
import type { KubernetesApi } from '../../webhook/kube/kubernetes-api.ts';
import type { BanStore } from './ban-store.ts';
import { ConfigMapHome, type ConfigMapPlace } from './config-map-home.ts';
import { FileHome } from './file-home.ts';
import { readHmacKey } from './hmac-key.ts';
import { ListStore } from './list-store.ts';
import { RedisStore } from './redis-store.ts';
import { StoreFeed } from './store-feed.ts';

/** Where bans are kept. */
export type BanPlace =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'config_map'; readonly api: KubernetesApi; readonly place: ConfigMapPlace }
  | { readonly kind: 'redis'; readonly settings: RedisSettings };

export interface StoreContext {
  readonly clock: Clock;
  /** How long a first connection to Redis may take; absent: 5 s. */
  readonly patienceMs?: number;
}

const defaultPatienceMs = 5_000;

/** Nothing is asked yet; Redis is being connected to. @throws {AppError} FILE_UNREADABLE for a key that values are hashed with */
export async function openBanStore(place: BanPlace, context: StoreContext): Promise<BanStore> {
  const { clock } = context;
  switch (place.kind) {
    case 'file':
      return new ListStore(new FileHome(place.file), clock);
    case 'config_map':
      return new ListStore(new ConfigMapHome(place.api, place.place), clock);
    case 'redis':
      return openRedis(place.settings, context);
  }
}

async function openRedis(
  settings: RedisSettings,
  { clock, patienceMs = defaultPatienceMs }: StoreContext,
): Promise<BanStore> {
  // The client of Redis is loaded only where there is one.
  const { openStore } = await import('../../sidecar/redis/kept-store.ts');
  const { hmacKeyFile, prefix } = settings;
  const hmacKey = hmacKeyFile === undefined ? undefined : readHmacKey(hmacKeyFile);
  const feed = new StoreFeed(patienceMs);
  const connection = openStore(settings, feed, { timers: timersBy(clock), random: Math.random });
  return new RedisStore({ connection, feed, prefix, hmacKey, clock });
}
