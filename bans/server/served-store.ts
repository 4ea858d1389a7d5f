/** The store of the service's settings. */
import type { Clock } from '#kernel/clock.ts';
import { usualBanList } from '../../sidecar/config/helper-contract.ts';
import type { ServedStore } from '../service/service-settings.ts';
import type { BanStore } from '../store/ban-store.ts';
import { openBanStore } from '../store/open-store.ts';

/** Milliseconds that a call waits for a first connection to Redis. */
const patienceMs = 1_000;

/** Nothing is asked yet. @throws {AppError} FILE_UNREADABLE, CLUSTER_UNREACHABLE */
export async function openServedStore(store: ServedStore, clock: Clock): Promise<BanStore> {
  if ('file' in store) return openBanStore({ kind: 'file', file: store.file }, { clock });
  if ('redis' in store)
    return openBanStore({ kind: 'redis', settings: store.redis }, { clock, patienceMs });
  // By far the largest library.
  const { connect } = await import('../../webhook/kube/connection.ts');
  const api = await connect({ kind: 'in_cluster' });
  const [namespace = '', name = ''] = store.configMap.split('/');
  const place = { namespace, name, key: usualBanList.key };
  return openBanStore({ kind: 'config_map', api, place }, { clock });
}
