import { expect, it } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { KeptConfigMaps } from '../../../../webhook/console-cluster/kept-config-maps.ts';

function configMap(name: string, resourceVersion: string, text = 'x'): JsonObject {
  return { metadata: { namespace: 'shop', name, resourceVersion }, data: { 'envoy.yaml': text } };
}

function kept() {
  const changed: string[] = [];
  return { changed, maps: new KeptConfigMaps((key) => changed.push(key)) };
}

it('keeps only what somebody depends on, and tells its changes', () => {
  const { changed, maps } = kept();
  maps.want('a', 'shop', ['envoy']);
  maps.put(configMap('other', '1'));
  maps.put(configMap('envoy', '1'));
  maps.put(configMap('envoy', '1'));
  expect(changed).toEqual(['shop/envoy']);
  expect(maps.read('shop', 'envoy')?.data).toEqual({ 'envoy.yaml': 'x' });
  expect(maps.read('shop', 'other')).toBeUndefined();
  maps.drop('shop', 'envoy');
  expect(changed).toEqual(['shop/envoy', 'shop/envoy']);
  expect(maps.usersOf('shop/envoy')).toEqual(['a']);
  maps.forget('a');
  expect(maps.isWanted('shop', 'envoy')).toBe(false);
});

it('knows what has not been looked for yet', () => {
  const { changed, maps } = kept();
  maps.want('a', 'shop', ['one', 'two', 'three']);
  expect(maps.unknownTo('a')).toEqual(['one', 'two', 'three']);
  maps.setFound(configMap('one', '1'));
  maps.setAbsent('shop', 'two');
  expect(maps.unknownTo('a')).toEqual(['three']);
  expect(changed).toEqual([]);
  maps.replace([configMap('one', '2')]);
  expect(maps.unknownTo('a')).toEqual([]);
  expect(changed).toEqual(['shop/one', 'shop/three']);
});

it('keeps as much as there is room for, and says of the rest how large it is', () => {
  const { maps } = kept();
  const large = 'x'.repeat(50 * 1024 * 1024);
  maps.want('a', 'shop', ['one', 'two', 'three']);
  for (const name of ['one', 'two', 'three']) maps.put(configMap(name, '1', large));
  expect(maps.read('shop', 'two')?.withheldBytes).toBeUndefined();
  expect(maps.read('shop', 'three')).toMatchObject({ data: {}, withheldBytes: large.length });
  maps.drop('shop', 'one');
  maps.put(configMap('three', '2', large));
  expect(maps.read('shop', 'three')?.withheldBytes).toBeUndefined();
});
