import { expect, test } from 'vitest';
import { objectAt, type JsonObject } from '#kernel/json.ts';
import { SilentLog } from '../../../../fakes/silent-log.ts';
import type { KubernetesApi } from '../../../../../webhook/kube/kubernetes-api.ts';
import { ConfigMapWriter } from '../../../../../webhook/controller/configmaps/configmap-writer.ts';
import { EventWriter } from '../../../../../webhook/controller/events/event-writer.ts';
import { defaultClusterLimits as limits } from '../../../../../webhook/controller/cluster-limits.ts';
import { slimConfigMap } from '../../../../../webhook/controller/kept-objects.ts';
import type { Target } from '../../../../../webhook/controller/configmaps/plan-config-maps.ts';
import { ClusterStore } from '../../../../../webhook/controller/store.ts';

const labels = { 'app.kubernetes.io/managed-by': 'svidecar' };
const target: Target = {
  namespace: 'shop',
  name: 'envoy-svidecar-1',
  digest: 'd',
  immutable: false,
  labels,
  annotations: {},
  owners: [],
  users: [],
  contents: () => ({ data: { f: 'ours' }, changes: [], warnings: [], sourceVersion: '1' }),
};

test('a foreign change is undone at once, and later and later when it comes again', async () => {
  let nowMs = 1_000_000;
  let version = 1;
  const stored = (object: JsonObject): JsonObject => {
    version += 1;
    const metadata = { ...objectAt(object, 'metadata'), uid: 'u', resourceVersion: `${version}` };
    return { ...object, metadata };
  };
  const unused = (): never => {
    throw new TypeError('not asked for in this test');
  };
  const api: KubernetesApi = {
    get: unused,
    create: unused,
    replace: unused,
    merge: unused,
    remove: unused,
    watch: unused,
    apply: (_path, object) => Promise.resolve(stored(object)),
  };
  const ignore = (): void => undefined;
  const store = new ClusterStore({
    changed: ignore,
    configMapsWanted: ignore,
    ignoredNamespaces: () => new Set(),
    limits,
  });
  const options = { api, store, clock: { now: () => nowMs }, limits, log: new SilentLog() };
  const events = new EventWriter({ ...options, instance: 'svidecar-1' });
  const writer = new ConfigMapWriter({ ...options, events });
  writer.start(new AbortController().signal);
  const foreign = (): void => {
    const metadata = { namespace: 'shop', name: target.name, labels };
    store.putConfigMap(slimConfigMap(stored({ metadata, data: { f: 'theirs' } })));
  };
  const applied = async (): Promise<readonly [number, againInMs?: number]> => {
    const step = { kind: 'apply', configMap: target, uid: 'u' } as const;
    const { againInMs } = await writer.carryOut('shop', step);
    return againInMs === undefined ? [writer.counts.applied] : [writer.counts.applied, againInMs];
  };

  expect(await applied()).toEqual([1]);
  foreign();
  expect(await applied()).toEqual([2]);
  foreign();
  expect(await applied()).toEqual([2, 1_000]);
  // A timer may fire early: what is put off says so each time, to the last millisecond.
  nowMs += 999;
  expect(await applied()).toEqual([2, 1]);
  nowMs += 1;
  expect(await applied()).toEqual([3]);
  foreign();
  expect(await applied()).toEqual([3, 2_000]);
  // A quiet while later a hand is undone at once again.
  nowMs += 11 * 60_000;
  expect(await applied()).toEqual([4]);
  foreign();
  expect(await applied()).toEqual([5]);
});
