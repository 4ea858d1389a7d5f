import { describe, expect, test } from 'vitest';
import type { FakeStore } from '../../../fakes/fake-store.ts';
import { settled } from '../../../fakes/manual-timers.ts';
import { mirrored } from '../../../fakes/mirrored.ts';

const hourMs = 3_600_000;
const mirroredBytes = 1_024 * 1_024;

describe('a list that is larger than agreed on', () => {
  const fill = (store: FakeStore, count: number): void => {
    for (let at = 0; at < count; at += 1) store.put(`v${at}`);
  };

  test('is looked up, with answers that are kept and kept true', async () => {
    const { store, mirror, keyOf, isBanned, lookUp, up } = mirrored();
    fill(store, 101);
    await up();
    expect(mirror.state()).toMatchObject({ isWhole: false, bans: 0 });
    expect(isBanned('v0')).toBeUndefined();
    const found = await lookUp('v0', 'other');
    expect(found).toEqual(
      new Map([
        [keyOf('v0'), [expect.objectContaining({ claim: 'sub' })]],
        [keyOf('other'), []],
      ]),
    );
    expect([isBanned('v0'), isBanned('other')]).toEqual([true, false]);
    const asked = store.reads.length;
    await lookUp('v0', 'other');
    expect(store.reads.length).toBe(asked);
    const other = store.put('other');
    await settled();
    expect(isBanned('other')).toBeUndefined();
    await lookUp('other');
    expect(isBanned('other')).toBe(true);
    store.remove(other);
    expect(isBanned('other')).toBeUndefined();
    store.flushAll();
    expect(isBanned('v0')).toBeUndefined();
  });

  test('is not said to stay in force while the store is away', async () => {
    const { store, isBanned, lookUp, up, said } = mirrored({ mirrored: 0 });
    store.put('a');
    await up();
    await lookUp('a');
    store.events?.onDown('away');
    expect(said()).not.toContain('stays in force');
    expect(said()).toContain('whoever is not known from the last answers passes');
    expect(isBanned('a')).toBe(true);
  });

  test('becomes so while it grows', async () => {
    const { store, mirror, isBanned, lookUp, up, said } = mirrored();
    fill(store, 100);
    await up();
    expect(isBanned('v0')).toBe(true);
    store.put('one more');
    await settled();
    expect(mirror.state().isWhole).toBe(false);
    expect(said().split('too large for the memory')).toHaveLength(2);
    await lookUp('one more');
    expect(isBanned('one more')).toBe(true);
  });

  test('by its bytes too', async () => {
    const { store, mirror, isBanned, up, said } = mirrored({ mirrored: 1_000, mirroredBytes });
    for (let at = 0; at < 900; at += 1) store.put(String(at).padEnd(1_000, '\0'));
    await up();
    expect(mirror.state().isWhole).toBe(false);
    expect(said()).toContain('too large for the memory');
    expect(isBanned('0')).toBeUndefined();
  });

  test('by its bytes while it grows, and not by those of bans that are gone', async () => {
    const { store, mirror, isBanned, up } = mirrored({ mirrored: 1_000, mirroredBytes });
    // Some 600 KiB, so that what is gone may not take as much again.
    for (let at = 0; at < 100; at += 1) store.put(`held${at}`.padEnd(1_000, '\0'));
    await up();
    for (let at = 0; at < 200; at += 1) {
      const key = store.put(String(at).padEnd(1_000, '\0'));
      await settled();
      store.remove(key);
      await settled();
    }
    store.put('a');
    await settled();
    expect(isBanned('a')).toBe(true);
    for (let at = 0; at < 900; at += 1) store.put(String(at).padEnd(1_000, '\0'));
    await settled();
    expect(mirror.state().isWhole).toBe(false);
  });

  test('comes back into memory once it is small enough', async () => {
    const { store, timers, mirror, isBanned, lookUp, up } = mirrored();
    fill(store, 101);
    await up();
    store.remove([...store.held.keys()][0] ?? '');
    await lookUp('v5');
    await timers.advance(hourMs);
    mirror.tidy();
    await settled();
    expect(mirror.state()).toMatchObject({ isWhole: true, bans: 100 });
    expect([isBanned('v0'), isBanned('v5')]).toEqual([false, true]);
  });

  test('is looked up from the first connection on, also before it is known how large it is', async () => {
    const { store, isBanned, lookUp, mirror } = mirrored();
    store.put('a');
    store.readAll = () => new Promise(() => undefined);
    store.events?.onUp();
    expect(mirror.isLoaded).toBe(true);
    await lookUp('a');
    expect(isBanned('a')).toBe(true);
  });

  test('an answer that was overtaken by a change is given, and not kept', async () => {
    const { store, isBanned, lookUp, up } = mirrored({ mirrored: 0 });
    await up();
    store.halt();
    const early = lookUp('a', 'b');
    await settled();
    store.put('a');
    store.put('b');
    const late = lookUp('a');
    await settled();
    store.goOn();
    expect([...((await early) as Map<string, unknown>).values()]).toEqual([[], []]);
    expect(await late).toEqual(new Map([[expect.any(String), [expect.anything()]]]));
    await settled();
    expect([isBanned('a'), isBanned('b')]).toEqual([true, undefined]);
    expect(store.readings).toBe(0);
  });

  test('a store that is slow, away or asked too much says nothing, and is counted', async () => {
    const { store, timers, mirror, lookUp, up } = mirrored({ mirrored: 0 });
    await up();
    store.halt();
    const slow = lookUp('a');
    const joined = lookUp('a');
    await timers.advance(20);
    expect([await slow, await joined]).toEqual(['store_slow', 'store_slow']);
    const many = Array.from({ length: 4_096 }, (_, at) => `m${at}`);
    const busy = lookUp(...many);
    expect(await lookUp('one more')).toBe('store_busy');
    store.goOn();
    expect((await busy) instanceof Map).toBe(true);
    store.trouble = new Error('away');
    expect(await lookUp('b')).toBe('store_away');
    expect(mirror.state().lookups).toMatchObject({ store_slow: 2, store_busy: 1, store_away: 1 });
    expect(timers.pending).toBe(0);
  });
});
