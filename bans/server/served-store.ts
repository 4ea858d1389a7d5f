/** The store of the service's settings. */
import type { Clock } from '#kernel/clock.ts';
import { AppError } from '#kernel/errors.ts';
import type { ServedStore } from '../service/service-settings.ts';
import type { BanStore } from '../store/ban-store.ts';
import { openBanStore } from '../store/open-store.ts';

/** @throws {AppError} CONFIG_INVALID */
export function openServedStore(store: ServedStore, clock: Clock): Promise<BanStore> {
  if ('file' in store) return openBanStore({ kind: 'file', file: store.file }, { clock });
  throw new AppError('CONFIG_INVALID', 'store: only a file can be opened');
}
