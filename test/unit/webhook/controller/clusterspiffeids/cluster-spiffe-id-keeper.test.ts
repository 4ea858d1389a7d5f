import { beforeEach, expect, test } from 'vitest';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { ClusterSpiffeIdKeeper } from '../../../../../webhook/controller/clusterspiffeids/cluster-spiffe-id-keeper.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../../webhook/kube/kubernetes-api.ts';
import { checkConfig } from '../../../../../webhook/request/injector-config.ts';
import { SilentLog } from '../../../../fakes/silent-log.ts';

const { signal } = new AbortController();
const none = { registered: 0, awaited: 0, foreign: 0, unwanted: 0 };

let isReachable: boolean;
let stored: Record<string, JsonObject>;
let federations: readonly (readonly string[])[];
let keeper: ClusterSpiffeIdKeeper;

beforeEach(() => {
  isReachable = true;
  stored = {};
  federations = [];
  const unused = (): Promise<never> => Promise.reject(new Error('not in this test'));
  const api: KubernetesApi = {
    get: () =>
      isReachable
        ? Promise.resolve({ metadata: {}, items: Object.values(stored) })
        : Promise.reject(new ApiRefusal(500, 'InternalError', { message: 'etcd is away' })),
    create: (_path, object) => {
      stored[stringAt(objectAt(object, 'metadata'), 'name') ?? ''] = object;
      return Promise.resolve(object);
    },
    replace: unused,
    apply: unused,
    merge: unused,
    remove: unused,
    watch: unused,
  };
  keeper = new ClusterSpiffeIdKeeper({
    api,
    config: () => checkConfig({ registration: 'clusterspiffeid' }, 'config.yaml'),
    ignoredNamespaces: () => new Set(),
    stored: { federations: () => ({ all: federations, envoys: [] }), isCurrent: () => true },
    leads: () => true,
    clock: { now: () => 1_000_000 },
    log: new SilentLog(),
  });
});

test('nothing is counted until the objects were read, nor after somebody else may have written', async () => {
  isReachable = false;
  await expect(keeper.reconcile(signal)).rejects.toThrow('etcd is away');
  expect(keeper.counts).toBeUndefined();
  isReachable = true;
  await keeper.reconcile(signal);
  await keeper.reconcile(signal);
  expect(keeper.counts).toEqual({ ...none, registered: 1 });
  keeper.forget();
  expect(keeper.counts).toBeUndefined();
});

test('what was written counts at once, however long it is until the next look', async () => {
  await keeper.reconcile(signal);
  expect(keeper.counts).toEqual({ ...none, registered: 1 });
});

test('what is wanted while they cannot be read counts as awaited', async () => {
  await keeper.reconcile(signal);
  await keeper.reconcile(signal);
  isReachable = false;
  federations = [['other.org']];
  await expect(keeper.reconcile(signal)).rejects.toThrow('etcd is away');
  expect(keeper.counts).toEqual({ ...none, registered: 1, awaited: 1 });
});
