import { describe, expect, test } from 'vitest';
import { envoyCheck } from '../../../../webhook/admission/check-envoy.ts';
import { defaultClusterLimits } from '../../../../webhook/controller/cluster-limits.ts';
import { slimConfigMap, type ConfigMapEntry } from '../../../../webhook/controller/kept-objects.ts';
import { ClusterStore } from '../../../../webhook/controller/store.ts';
import { renderEnvoy } from '../../../../webhook/desired/desired.ts';
import { Trace } from '../../../../webhook/injection/trace.ts';
import { statusOf } from '../../../../webhook/injection/status.ts';
import { injected } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { injectBackend, pod } from '../../../fakes/workloads.ts';

const kibibyte = 1024;
/** As the defaults, a thousand times smaller. */
const limits = {
  ...defaultClusterLimits,
  namespaceTextBytes: 16 * kibibyte,
  allTextBytes: 48 * kibibyte,
};
let version = 0;

function entry(namespace: string, name: string, length: number): ConfigMapEntry {
  version += 1;
  const metadata = { namespace, name, uid: `${namespace} ${name}`, resourceVersion: `${version}` };
  return slimConfigMap({ metadata, data: { f: 'x'.repeat(length) } });
}

function storeOf(...namespaces: readonly string[]): { store: ClusterStore; wanted: string[] } {
  const wanted: string[] = [];
  const store = new ClusterStore({
    changed: () => undefined,
    configMapsWanted: (namespace) => wanted.push(namespace),
    ignoredNamespaces: () => new Set(),
    limits,
  });
  for (const name of namespaces) store.putNamespace({ namespace: '', name, injection: 'enabled' });
  return { store, wanted };
}

function held(store: ClusterStore, namespace: string, names: readonly string[]): number {
  return names
    .map((name) => store.source(namespace, name)?.data['f']?.length ?? 0)
    .reduce((a, b) => a + b, 0);
}

const many = Array.from({ length: 500 }, (_, i) => `c${i}`);

test('the defaults leave room in the heap of 192 MiB', () => {
  const { namespaceTextBytes, allTextBytes } = defaultClusterLimits;
  expect(2 * allTextBytes).toBeLessThanOrEqual((192 * kibibyte * kibibyte) / 2);
  expect(namespaceTextBytes).toBeLessThan(allTextBytes);
});

describe.each(['watched', 'listed'])('five hundred of the largest size, %s', (how) => {
  const take = (store: ClusterStore, entries: readonly ConfigMapEntry[]): void => {
    if (how === 'watched') for (const each of entries) store.putConfigMap(each);
    else store.replaceConfigMaps(entries.map(store.sifter()), '1000');
  };

  test('take no more than the bound of their namespace, and a small one is served', () => {
    const { store } = storeOf('greedy', 'small');
    take(store, [
      ...many.map((name) => entry('greedy', name, kibibyte)),
      entry('small', 'envoy', 100),
    ]);
    expect(held(store, 'greedy', many)).toBeLessThanOrEqual(limits.namespaceTextBytes);
    expect(held(store, 'greedy', many)).toBeGreaterThan(limits.namespaceTextBytes / 2);
    expect(held(store, 'small', ['envoy'])).toBe(100);
    const sizes = many.map((name) => store.source('greedy', name)?.withheldBytes);
    expect(new Set(sizes)).toEqual(new Set([undefined, kibibyte + 1]));
  });

  test('in each of ten namespaces take no more than the bound of all, and a small one is served', () => {
    const greedy = Array.from({ length: 10 }, (_, i) => `greedy${i}`);
    const { store, wanted } = storeOf(...greedy, 'small');
    const small = entry('small', 'envoy', 100);
    take(store, [
      ...greedy.flatMap((namespace) => many.map((name) => entry(namespace, name, kibibyte))),
      small,
    ]);
    const all = greedy.map((namespace) => held(store, namespace, many));
    expect(all.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(limits.allTextBytes);
    const filling = store.filling('small');
    // A list takes what comes first, and has those read once more that would be served.
    if (filling !== undefined) store.fill('small', filling, [small]);
    expect(wanted.includes('small')).toBe(filling !== undefined);
    expect(held(store, 'small', ['envoy'])).toBe(100);
  });
});

test('the largest loses first: configurations are small beside what else ConfigMaps hold', () => {
  const { store } = storeOf('shop');
  store.putConfigMap(entry('shop', 'dashboards', 15 * kibibyte));
  store.putConfigMap(entry('shop', 'envoy', 2 * kibibyte));
  expect(store.source('shop', 'dashboards')?.withheldBytes).toBe(15 * kibibyte + 1);
  expect(held(store, 'shop', ['envoy'])).toBe(2 * kibibyte);
});

test('what was lost is read again once there is room', () => {
  const { store, wanted } = storeOf('shop');
  const lost = entry('shop', 'lost', 10 * kibibyte);
  store.putConfigMap(lost);
  store.putConfigMap(entry('shop', 'other', 9 * kibibyte));
  expect(held(store, 'shop', ['lost'])).toBe(0);
  expect(wanted).toEqual([]);
  store.dropConfigMap('shop', 'other');
  expect(wanted).toEqual(['shop']);
  const filling = store.filling('shop');
  if (filling === undefined) throw new TypeError('no list is awaited');
  store.fill('shop', filling, [lost]);
  expect(held(store, 'shop', ['lost'])).toBe(10 * kibibyte);
});

test('a list gathers nothing of namespaces that are not served', () => {
  const { store } = storeOf('shop');
  store.putNamespace({ namespace: '', name: 'plain', injection: undefined });
  const sift = store.sifter();
  expect(sift(entry('plain', 'c', 100)).data).toEqual({});
  expect(sift(entry('shop', 'c', 100)).data).toHaveProperty('f');
});

test('whoever needs one that is not held is told by admission and by an event', () => {
  const status = statusOf(injected(pod(injectBackend)));
  if (status?.envoy === undefined) throw new TypeError('no Envoy configuration');
  const plan = status.envoy;
  const { copies } = engineFor().memory;
  const where = { namespace: 'shop', name: plan.source, uid: 'u', resourceVersion: '1', data: {} };
  const source = { ...where, withheldBytes: 1_000_000 };
  const words = /not held: .* 16 MiB .* 48 MiB .* make it smaller/;
  const check = envoyCheck(() => source, copies);
  const subject = { template: pod(injectBackend), plan, status };
  expect(() => {
    check('shop', subject, new Trace());
  }).toThrow(words);
  const rendered = renderEnvoy('shop', { plan, users: [] }, { source, copies });
  expect(rendered).toMatchObject({
    kind: 'problem',
    problem: { reason: 'EnvoyConfigInvalid', message: expect.stringMatching(words) as unknown },
  });
});

test('metadata of one of ours counts as well, and is then not compared', () => {
  const { store } = storeOf('shop');
  const labels = { 'app.kubernetes.io/managed-by': 'svidecar' };
  for (let index = 0; index < 8; index += 1)
    store.putConfigMap(
      slimConfigMap({
        metadata: {
          namespace: 'shop',
          name: `svidecar-${index}`,
          uid: `u${index}`,
          labels,
          resourceVersion: `${index + 1}`,
          annotations: { note: 'x'.repeat(4 * kibibyte) },
        },
      }),
    );
  const entries = [...store.managed('shop').values()];
  expect(entries).toHaveLength(8);
  const kept = entries.filter((each) => each.withheldBytes === undefined);
  expect(kept.length).toBeLessThan(4);
  expect(entries.every((each) => each.digest !== '')).toBe(true);
});
