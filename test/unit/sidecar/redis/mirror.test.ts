import { describe, expect, test } from 'vitest';
import { settled } from '../../../fakes/manual-timers.ts';
import { mirrored } from '../../../fakes/mirrored.ts';

describe('a list mirrored in memory', () => {
  test('is there once the store was reached, whole and with its size', async () => {
    const { store, mirror, isBanned, up } = mirrored();
    for (const value of ['a', 'b', 'c']) store.put(value);
    expect(mirror.isLoaded).toBe(false);
    expect(isBanned('a')).toBeUndefined();
    await up();
    expect([isBanned('a'), isBanned('c'), isBanned('d')]).toEqual([true, true, false]);
    expect(mirror.state()).toMatchObject({
      bans: 3,
      isWhole: true,
      isConnected: true,
      loadedAtS: 1_000,
      ageS: 0,
    });
  });

  test('has what is written, and has not what is deleted, with one question for many keys', async () => {
    const { store, isBanned, up } = mirrored();
    await up();
    const keys = Array.from({ length: 50 }, (_, at) => store.put(`v${at}`));
    await settled();
    expect([isBanned('v0'), isBanned('v49')]).toEqual([true, true]);
    for (const key of keys) store.remove(key);
    await settled();
    expect([isBanned('v0'), isBanned('v49')]).toEqual([false, false]);
    expect(store.reads.length).toBeLessThan(10);
  });

  test('holds both kinds of a value, each with what it says', async () => {
    const { store, mirror, keyOf, up } = mirrored();
    store.put('a', { reason: 'case 12' });
    store.put('a', { issuedBeforeS: 900 });
    await up();
    const bans = mirror.find(keyOf('a'));
    expect(bans).toMatchObject([{ claim: 'sub', reason: 'case 12' }, { issuedBeforeS: 900 }]);
  });

  test('ends a ban at its end, though the store does not', async () => {
    const { store, timers, mirror, isBanned, up } = mirrored();
    store.put('a', { untilS: 1_060 });
    store.put('b', { untilS: 900 });
    await up();
    expect([isBanned('a'), isBanned('b')]).toEqual([true, false]);
    await timers.advance(59_999);
    expect(isBanned('a')).toBe(true);
    await timers.advance(1);
    expect(isBanned('a')).toBe(false);
    mirror.tidy();
    expect(mirror.state().bans).toBe(0);
  });

  test('knows hashed bans under its key only', async () => {
    const hmacKey = Buffer.alloc(32, 1);
    const { store, isBanned, up, mirror } = mirrored({ hmacKey: () => hmacKey });
    store.put('a', {}, hmacKey);
    store.put('b', {}, Buffer.alloc(32, 2));
    store.put('c');
    await up();
    expect([isBanned('a'), isBanned('b'), isBanned('c')]).toEqual([true, false, false]);
    expect(mirror.state().refusedRecords).toBe(2);
  });

  test('with another key for hashes knows the bans of that one only, and has lost nothing', async () => {
    const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    let at = 0;
    const hmacKey = (): Uint8Array => keys[at] ?? new Uint8Array();
    const { store, isBanned, up, mirror, log } = mirrored({ hmacKey });
    store.put('a', {}, keys[0]);
    await up();
    expect(isBanned('a')).toBe(true);
    at = 1;
    mirror.takeNewKey();
    expect(isBanned('a')).toBeUndefined();
    await settled();
    expect(isBanned('a')).toBe(false);
    expect(mirror.state()).toMatchObject({ hasLostAll: false, bans: 0, refusedRecords: 1 });
    expect(JSON.stringify(log.lines)).toContain('hashed under another key');
    store.put('a', {}, keys[1]);
    await settled();
    expect(isBanned('a')).toBe(true);
  });

  test('counts wrong records as none, and says so once, without their value', async () => {
    const { store, mirror, isBanned, up, log } = mirrored();
    const key = store.put('secret-value');
    store.write('ban:strange', 'x');
    await up();
    store.write(key, '{"claim":"sub","value":"secret-value","for":"1h"}');
    await settled();
    store.write(key, '{"claim":"sub","value":"secret-value","for":"2h"}');
    await settled();
    expect(isBanned('secret-value')).toBe(false);
    expect(mirror.state().refusedRecords).toBe(3);
    expect(log.lines.filter(({ message }) => message.includes('is wrong'))).toHaveLength(2);
    expect(JSON.stringify(log.lines)).not.toContain('secret-value');
  });
});

describe('while the store is away', () => {
  test('the last known list stays in force, and grows older', async () => {
    const { store, timers, mirror, isBanned, up, said } = mirrored();
    store.put('a', { untilS: 1_100 });
    store.put('b');
    await up();
    mirror.tidy();
    store.events?.onDown('connection refused');
    await timers.advance(50_000);
    mirror.tidy();
    expect(mirror.state()).toMatchObject({ isConnected: false, ageS: 50, bans: 2 });
    expect([isBanned('a'), isBanned('b')]).toEqual([true, true]);
    await timers.advance(50_000);
    expect([isBanned('a'), isBanned('b')]).toEqual([false, true]);
    expect(said()).toContain('the last known list stays in force');
  });

  test('changes are missed, and found when it is back; until all is read the old list stays', async () => {
    const { store, mirror, isBanned, up } = mirrored();
    const gone = store.put('a');
    store.put('b');
    await up();
    store.events?.onDown('away');
    store.held.delete(gone);
    const { events } = store;
    store.events = undefined;
    store.put('c');
    store.events = events;
    store.halt();
    store.events?.onUp();
    await settled();
    expect([isBanned('a'), isBanned('c')]).toEqual([true, false]);
    store.goOn();
    await settled();
    expect([isBanned('a'), isBanned('b'), isBanned('c')]).toEqual([false, true, true]);
    expect(mirror.state()).toMatchObject({ bans: 2, ageS: 0 });
  });

  test('a list that cannot be read is tried again, with pauses', async () => {
    const { store, timers, mirror, isBanned, up, said } = mirrored();
    store.put('a');
    store.trouble = new Error('LOADING Redis is loading the dataset in memory');
    await up();
    expect(mirror.state()).toMatchObject({ isWhole: false, isConnected: true });
    await timers.advance(1_000);
    const { readings } = store;
    expect(readings).toBeGreaterThan(2);
    expect(readings).toBeLessThan(8);
    store.trouble = undefined;
    await timers.advance(2_000);
    expect(isBanned('a')).toBe(true);
    expect(said().split('could not be read')).toHaveLength(2);
    expect(timers.pending).toBe(0);
  });

  test('keys that could not be read again are asked for until they can', async () => {
    const { store, timers, isBanned, up, mirror } = mirrored();
    await up();
    store.trouble = new Error('away');
    store.put('a');
    await settled();
    expect(mirror.state().ageS).toBe(0);
    store.trouble = undefined;
    await timers.advance(100);
    expect(isBanned('a')).toBe(true);
  });
});

describe('what changes while the list is read', () => {
  test('is not overwritten by the reading, which may be older', async () => {
    const { store, isBanned, up } = mirrored();
    const a = store.put('a');
    store.halt();
    const reading = up();
    await settled();
    // The reading has `a` already, and not `b`.
    store.goOn();
    store.remove(a);
    store.put('b');
    await reading;
    await settled();
    expect([isBanned('a'), isBanned('b')]).toEqual([false, true]);
  });

  test('counts at once in the list in force, and stays in the new one', async () => {
    const { store, isBanned, up } = mirrored();
    const a = store.put('a');
    store.put('z');
    await up();
    let finish = (): void => undefined;
    store.readAll = async (onPiece) => {
      const old = [...store.held].map(([key, value]) => ({ key, value }));
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      onPiece(old);
    };
    store.events?.onUp();
    store.remove(a);
    store.put('b');
    await settled();
    expect([isBanned('a'), isBanned('b')]).toEqual([false, true]);
    finish();
    await settled();
    expect([isBanned('a'), isBanned('b'), isBanned('z')]).toEqual([false, true, true]);
  });

  test('an answer from before the connection was lost is not taken', async () => {
    const { store, isBanned, up } = mirrored();
    await up();
    store.halt();
    const a = store.put('a');
    await settled();
    // The answer with `a` is still on its way.
    store.events?.onDown('away');
    store.held.delete(a);
    store.goOn();
    store.events?.onUp();
    await settled();
    await settled();
    expect(isBanned('a')).toBe(false);
  });

  test('a reading that was begun before the last connection is not taken', async () => {
    const { store, isBanned, up } = mirrored();
    const a = store.put('a');
    store.halt();
    store.events?.onUp();
    await settled();
    store.events?.onDown('away');
    store.held.delete(a);
    store.put('b');
    store.goOn();
    await up();
    await settled();
    expect([isBanned('a'), isBanned('b')]).toEqual([false, true]);
  });
});

test('nothing goes on after the end', async () => {
  const { store, timers, mirror, up } = mirrored();
  store.trouble = new Error('away');
  await up();
  store.put('a');
  await settled();
  mirror.close();
  expect(store.isClosed).toBe(true);
  expect(timers.pending).toBe(0);
});
