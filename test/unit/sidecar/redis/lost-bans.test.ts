/** @see docs/adr/0120-an-emptied-store-is-taken-for-a-fault.md */
import { describe, expect, test } from 'vitest';
import { settled } from '../../../fakes/manual-timers.ts';
import { mirrored } from '../../../fakes/mirrored.ts';

const hourMs = 3_600_000;

describe('a store that has lost all bans at once', () => {
  test('is taken for a fault: they stay in force for a day, beside new ones', async () => {
    const { store, timers, mirror, isBanned, up, said } = mirrored();
    store.put('a');
    store.put('b', { untilS: 1_100 });
    await up();
    store.flushAll();
    await settled();
    store.put('c');
    await settled();
    expect([isBanned('a'), isBanned('b'), isBanned('c')]).toEqual([true, true, true]);
    expect(mirror.state()).toMatchObject({ hasLostAll: true, bans: 3 });
    expect(said()).toContain('lost all bans at once');
    await timers.advance(120_000);
    mirror.tidy();
    expect(mirror.state()).toMatchObject({ hasLostAll: true, ageS: 0, bans: 2 });
    expect(isBanned('b')).toBe(false);
    await timers.advance(24 * hourMs);
    mirror.tidy();
    expect([isBanned('a'), isBanned('c')]).toEqual([false, true]);
    expect(mirror.state()).toMatchObject({ hasLostAll: false, ageS: 0 });
  });

  test('whoever is taken off then is free at once', async () => {
    const { store, isBanned, up } = mirrored();
    const a = store.put('a');
    store.put('b');
    await up();
    store.flushAll();
    await settled();
    store.remove(a);
    await settled();
    expect([isBanned('a'), isBanned('b')]).toEqual([false, true]);
  });

  test('and gets each of them anew, has lost nothing any more; so it is with those that are taken off or end', async () => {
    const { store, timers, mirror, up } = mirrored();
    store.put('a');
    const b = store.put('b');
    store.put('c', { untilS: 1_010 });
    await up();
    store.flushAll();
    await settled();
    store.put('a');
    store.remove(b);
    await settled();
    expect(mirror.state()).toMatchObject({ hasLostAll: true, bans: 2 });
    await timers.advance(10_000);
    mirror.tidy();
    expect(mirror.state()).toMatchObject({ hasLostAll: false, ageS: 0, bans: 1 });
    store.flushAll();
    await settled();
    store.put('a');
    await settled();
    expect(mirror.state()).toMatchObject({ hasLostAll: false, bans: 1 });
  });

  test('while it was away, and has others since: both are in force, through all that follows', async () => {
    const { store, isBanned, up } = mirrored();
    store.put('a');
    await up();
    for (const value of ['b', 'c']) {
      store.events?.onDown('away');
      store.held.clear();
      await up();
      store.put(value);
      await settled();
    }
    store.events?.onDown('away');
    await up();
    expect([isBanned('a'), isBanned('b'), isBanned('c')]).toEqual([true, true, true]);
  });

  test('and gets a new ban while it is read again, has lost the others all the same', async () => {
    const { store, timers, mirror, isBanned, up } = mirrored();
    store.put('a');
    await up();
    store.events?.onDown('away');
    store.held.clear();
    store.trouble = new Error('LOADING');
    await up();
    store.trouble = undefined;
    store.put('b');
    await settled();
    store.put('b', { reason: 'again' });
    await timers.advance(1_000);
    expect(mirror.state().hasLostAll).toBe(true);
    expect([isBanned('a'), isBanned('b')]).toEqual([true, true]);
  });

  test('and has some of them again, is believed', async () => {
    const { store, isBanned, up, mirror } = mirrored();
    for (const value of ['a', 'b']) store.put(value);
    await up();
    const backup = [...store.held];
    store.flushAll();
    await settled();
    store.events?.onDown('away');
    for (const [key, value] of backup.slice(0, 1)) store.held.set(key, value);
    await up();
    expect([isBanned('a'), isBanned('b')]).toEqual([true, false]);
    expect(mirror.state()).toMatchObject({ hasLostAll: false, ageS: 0 });
  });

  test('has not lost what came in so fast that it was read as a whole', async () => {
    const { store, mirror, isBanned, up } = mirrored({ mirrored: 200_000 });
    await up();
    const all = Array.from({ length: 60_000 }, (_, at) => `v${at}`);
    store.held.clear();
    const { events } = store;
    store.events = undefined;
    const keys = all.map((value) => store.put(value));
    store.events = events;
    events?.onChanged(keys);
    events?.onChanged(keys.slice(0, 10));
    await settled();
    expect(isBanned('v59999')).toBe(true);
    expect(mirror.state()).toMatchObject({ hasLostAll: false, bans: 60_000, ageS: 0 });
  });

  test('one by one has not lost them: they were taken off', async () => {
    const { store, mirror, isBanned, up } = mirrored();
    const a = store.put('a');
    await up();
    store.remove(a);
    await settled();
    store.events?.onDown('away');
    await up();
    expect(isBanned('a')).toBe(false);
    expect(mirror.state()).toMatchObject({ hasLostAll: false, ageS: 0, bans: 0 });
  });

  test('because all had come to their end has lost nothing', async () => {
    const { store, timers, mirror, up } = mirrored();
    store.put('a', { untilS: 1_010 });
    await up();
    await timers.advance(20_000);
    store.events?.onDown('away');
    store.held.clear();
    await up();
    expect(mirror.state()).toMatchObject({ hasLostAll: false, bans: 0 });
  });
});
