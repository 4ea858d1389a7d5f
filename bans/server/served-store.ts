/** The store of the service's settings. */
import type { Clock } from '#kernel/clock.ts';
import { AppError } from '#kernel/errors.ts';
import type { ServedStore } from '../service/service-settings.ts';
import type { BanStore } from '../store/ban-store.ts';
import { openBanStore } from '../store/open-store.ts';

/** Of a ConfigMap, as helpers read it. */
const listKey = 'bans.jsonl';

/** Nothing is asked yet. @throws {AppError} CONFIG_INVALID, CLUSTER_UNREACHABLE */
export async function openServedStore(store: ServedStore, clock: Clock): Promise<BanStore> {
  if ('file' in store) return openBanStore({ kind: 'file', file: store.file }, { clock });
  if (!('configMap' in store))
    throw new AppError('CONFIG_INVALID', 'store: a file or a ConfigMap can be written');
  // By far the largest library.
  const { connect } = await import('../../webhook/kube/connection.ts');
  const api = await connect({ kind: 'in_cluster' });
  const [namespace = '', name = ''] = store.configMap.split('/');
  const place = { namespace, name, key: listKey };
  return openBanStore({ kind: 'config_map', api, place }, { clock });
}
