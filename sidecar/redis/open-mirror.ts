/** What the helper loads where a rule has bans in Redis: the door to this folder. */
import type { RedisSettings } from '../config/redis-settings.ts';
import { openStore } from './kept-store.ts';
import { BanMirror, type MirrorOptions } from './mirror.ts';

export { storeFamilies } from './store-families.ts';

export type MirrorSurroundings = Pick<MirrorOptions, 'hmacKey' | 'log' | 'random' | 'timers'>;

/** Never throws: what fails is told to the log, and tried again for ever. */
export function openMirror(settings: RedisSettings, surroundings: MirrorSurroundings): BanMirror {
  const { prefix, mirrored, mirroredBytes, deadlineMs } = settings;
  return new BanMirror({
    prefix,
    mirrored,
    mirroredBytes,
    deadlineMs,
    ...surroundings,
    open: (events) => openStore(settings, events, surroundings),
  });
}
