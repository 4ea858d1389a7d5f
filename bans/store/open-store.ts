/** Opens a store of bans, wherever it is. */
import type { Clock } from '#kernel/clock.ts';
import type { BanStore } from './ban-store.ts';
import { FileHome } from './file-home.ts';
import { ListStore } from './list-store.ts';

/** Where bans are kept. */
export interface BanPlace {
  readonly kind: 'file';
  readonly file: string;
}

export interface StoreContext {
  readonly clock: Clock;
}

/** Nothing is asked yet. */
export function openBanStore(place: BanPlace, { clock }: StoreContext): Promise<BanStore> {
  return Promise.resolve(new ListStore(new FileHome(place.file), clock));
}
