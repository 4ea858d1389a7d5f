/** A mirror of a store in memory, and what a test asks of both. */
import { banKey } from '../../sidecar/config/ban-values.ts';
import { BanMirror, type MirrorOptions } from '../../sidecar/redis/mirror.ts';
import { FakeStore } from './fake-store.ts';
import { ManualTimers, settled } from './manual-timers.ts';
import { SilentLog } from './silent-log.ts';

export interface Mirrored {
  readonly store: FakeStore;
  readonly timers: ManualTimers;
  readonly log: SilentLog;
  readonly mirror: BanMirror;
  /** Of a value of the claim `sub`. */
  readonly keyOf: (value: string) => string;
  readonly isBanned: (value: string) => boolean | undefined;
  readonly lookUp: (...values: string[]) => ReturnType<BanMirror['lookUp']>;
  readonly up: () => Promise<void>;
  readonly said: () => string;
}

export function mirrored(more: Partial<MirrorOptions> = {}): Mirrored {
  const store = new FakeStore();
  const timers = new ManualTimers(1_000_000);
  const log = new SilentLog();
  const mirror = new BanMirror({
    prefix: 'ban:',
    mirrored: 100,
    mirroredBytes: 16 * 1_024 * 1_024,
    deadlineMs: 20,
    hmacKey: undefined,
    open: (events) => store.open(events),
    timers,
    random: () => 0.5,
    log,
    ...more,
  });
  const keyOf = (value: string): string => banKey(['sub'], value) ?? '';
  const isBanned = (value: string): boolean | undefined => {
    const bans = mirror.find(keyOf(value));
    return bans && bans.length > 0;
  };
  const lookUp = (...values: string[]) => mirror.lookUp(new Set(values.map(keyOf)));
  const up = async (): Promise<void> => {
    store.events?.onUp();
    await settled();
  };
  const said = (): string => log.lines.map(({ message }) => message).join('\n');
  return { store, timers, log, mirror, keyOf, isBanned, lookUp, up, said };
}
