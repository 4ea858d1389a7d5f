import { expect, test } from 'vitest';
import { keySlot, readClusterMap } from '../../../../sidecar/redis/cluster-slots.ts';

const asked = { host: '10.0.0.9', port: 7 };

test.each([
  // The specification's own example, and others as CLUSTER KEYSLOT of Redis 7.0 has them.
  ['123456789', 12_739],
  ['b', 3_300],
  ['{user1000}.following', keySlot('user1000')],
  ['foo{}{bar}', 8_363],
  ['foo{{bar}}zap', keySlot('{bar')],
  ['foo{bar}{zap}', keySlot('bar')],
  ['ban:all:[["email"],"zoë@example.org"]', 3_706],
  ['', 0],
])('the slot of %s', (key, slot) => {
  expect(keySlot(key)).toBe(slot);
});

test('each key belongs to the master of its slot, whatever replicas and ranges there are', () => {
  const reply = [
    [0, 5460, ['10.0.0.1', 1, 'id', []], ['10.0.0.2', 2, 'id', []]],
    [5461, 10922, ['', 3, 'id', []]],
    [12000, 12999, ['10.0.0.1', 1, 'id', []]],
  ];
  const map = readClusterMap(reply, asked);
  expect(map?.masters).toEqual([
    { host: '10.0.0.1', port: 1 },
    { host: '10.0.0.9', port: 3 },
  ]);
  expect(map?.masterOf('b')).toBe(0);
  expect(map?.masterOf('foo{}{bar}')).toBe(1);
  expect(map?.masterOf('123456789')).toBe(0);
  // 15495: nobody's.
  expect(map?.masterOf('a')).toBeUndefined();
});

test.each([
  ['no list', 'OK'],
  ['a slot that is none', [[0, 16384, ['a', 1]]]],
  ['no master', [[0, 1]]],
  [
    'more masters than a cluster has',
    Array.from({ length: 1_001 }, (_, at) => [at, at, ['a', at]]),
  ],
])('%s is no map', (_what, reply) => {
  expect(readClusterMap(reply, asked)).toBeUndefined();
});
