import { afterEach, describe, expect, test } from 'vitest';
import type {
  AskerEntry,
  ConfigMapEntry,
  UserEntry,
} from '../../../../webhook/controller/kept-objects.ts';
import type { OwnerReference } from '../../../../webhook/desired/desired.ts';
import { defaultClusterLimits } from '../../../../webhook/controller/cluster-limits.ts';
import { ClusterStore } from '../../../../webhook/controller/store.ts';

const ignored = new Set<string>();
afterEach(() => {
  ignored.clear();
});

function makeStore(): { store: ClusterStore; changed: string[]; wanted: () => number } {
  const changed: string[] = [];
  let wanted = 0;
  const store = new ClusterStore({
    changed: (namespace) => changed.push(namespace),
    configMapsWanted: () => (wanted += 1),
    ignoredNamespaces: () => ignored,
    limits: { ...defaultClusterLimits, namespaceTextBytes: 1_000, allTextBytes: 3_000 },
  });
  return { store, changed, wanted: () => wanted };
}

function configMap(name: string, changed: Partial<ConfigMapEntry> = {}): ConfigMapEntry {
  return {
    namespace: 'shop',
    name,
    uid: `uid-${name}`,
    resourceVersion: '10',
    data: { f: 'x' },
    digest: '',
    isManaged: false,
    immutable: false,
    labels: {},
    annotations: {},
    owners: [],
    ...changed,
  };
}

function user(kind: string, name: string, controller?: OwnerReference): UserEntry {
  const self = { apiVersion: 'v1', kind, name, uid: `uid-${name}` };
  return { namespace: 'shop', kind, name, self, controller, status: '{}', changedAtMs: 0 };
}

const namespace = (name: string, injection?: string) => ({
  namespace: '' as const,
  name,
  injection,
});

describe('which ConfigMaps are kept', () => {
  test('of a namespace not yet known all, until it turns out to be without the label', () => {
    const { store } = makeStore();
    store.putConfigMap(configMap('early'));
    expect(store.configMap('shop', 'early')).toBeDefined();
    store.putNamespace(namespace('shop', 'enabled'));
    expect(store.configMap('shop', 'early')).toBeDefined();
    store.putNamespace(namespace('shop'));
    expect(store.configMap('shop', 'early')).toBeUndefined();
  });

  test('of a namespace without the label none, whatever its users write', () => {
    const { store, wanted } = makeStore();
    store.putNamespace(namespace('shop'));
    store.putWorkload(user('Deployment', 'web'));
    store.putConfigMap(configMap('source'));
    store.putConfigMap(configMap('ours', { isManaged: true }));
    for (let i = 0; i < 15; i += 1) {
      store.dropWorkload('Deployment', 'shop', 'web');
      store.putWorkload(user('Deployment', 'web'));
    }
    expect(store.sizes()).toMatchObject({ configMaps: 0, users: 1 });
    expect(wanted()).toBe(0);
    expect(store.standing('shop')).toBe('not_labelled');
  });

  test.each([
    ['enabled', 'acts'],
    ['pod', 'acts'],
    ['disabled', 'not_labelled'],
    ['', 'not_labelled'],
    [undefined, 'not_labelled'],
  ])('the label %s: %s', (label, standing) => {
    const { store } = makeStore();
    store.putNamespace(namespace('shop', label));
    expect(store.standing('shop')).toBe(standing);
    ignored.add('shop');
    expect(store.standing('shop')).toBe('ignored');
  });

  test('of a namespace that the configuration ignores from now on none, and again once it does not', () => {
    const { store, wanted } = makeStore();
    store.putNamespace(namespace('shop', 'enabled'));
    store.putConfigMap(configMap('source'));
    ignored.add('shop');
    store.reviseNamespaces();
    expect(store.sizes()).toMatchObject({ configMaps: 0 });
    ignored.clear();
    store.reviseNamespaces();
    store.reviseNamespaces();
    expect(wanted()).toBe(1);
    expect(store.filling('shop')).toBeDefined();
  });

  describe('the list of a namespace that got the label', () => {
    const filled = (during: (store: ClusterStore) => void): ClusterStore => {
      const { store } = makeStore();
      store.putNamespace(namespace('shop'));
      store.putNamespace(namespace('shop', 'enabled'));
      const filling = store.filling('shop');
      if (filling === undefined) throw new TypeError('no list is asked for');
      during(store);
      store.fill('shop', filling, [configMap('a'), configMap('b')]);
      return store;
    };

    test('is taken', () => {
      const store = filled(() => undefined);
      expect(store.filling('shop')).toBeUndefined();
      expect(store.sizes()).toMatchObject({ configMaps: 2 });
    });

    test('does not bring back what the watch ended or changed meanwhile', () => {
      const store = filled((watched) => {
        watched.dropConfigMap('shop', 'a');
        watched.putConfigMap(configMap('b', { resourceVersion: '11', data: { f: 'newer' } }));
      });
      expect(store.configMap('shop', 'a')).toBeUndefined();
      expect(store.configMap('shop', 'b')?.data).toEqual({ f: 'newer' });
    });

    test.each([
      ['gone', [undefined]],
      ['gone and come', [undefined, 'enabled']],
    ])('is of no use once the label has %s', (_name, labels) => {
      const store = filled((watched) => {
        for (const label of labels) watched.putNamespace(namespace('shop', label));
      });
      expect(store.sizes()).toMatchObject({ configMaps: 0 });
      expect(store.filling('shop') !== undefined).toBe(labels.length === 2);
    });
  });

  test('a label that comes to a known namespace asks for its list, one that was there from the start does not', () => {
    const { store, wanted } = makeStore();
    store.putNamespace(namespace('born', 'pod'));
    store.putNamespace(namespace('shop'));
    expect(wanted()).toBe(0);
    store.putNamespace(namespace('shop', 'enabled'));
    expect(wanted()).toBe(1);
    store.putNamespace(namespace('shop', 'pod'));
    expect(wanted()).toBe(1);
  });
});

describe('versions', () => {
  test('an event older than our own write is passed over, a recreated object is not', () => {
    const { store } = makeStore();
    store.putConfigMap(configMap('c', { resourceVersion: '20', data: { f: 'new' } }));
    store.putConfigMap(configMap('c', { resourceVersion: '9', data: { f: 'old' } }));
    expect(store.configMap('shop', 'c')?.data).toEqual({ f: 'new' });
    store.putConfigMap(
      configMap('c', { uid: 'other', resourceVersion: '9', data: { f: 'other' } }),
    );
    expect(store.configMap('shop', 'c')?.data).toEqual({ f: 'other' });
  });

  test('a list is believed even where it goes back, and drops what it does not hold', () => {
    const { store } = makeStore();
    store.putConfigMap(configMap('c', { resourceVersion: '20' }));
    store.putConfigMap(configMap('gone'));
    const restored = configMap('c', { resourceVersion: '5', data: { f: 'restored' } });
    store.replaceConfigMaps([restored], '6');
    expect(store.configMap('shop', 'c')?.data).toEqual({ f: 'restored' });
    expect(store.configMap('shop', 'gone')).toBeUndefined();
    expect(store.sizes()).toEqual({ namespaces: 0, configMaps: 1, users: 0, askers: 0 });
    store.answerConfigMap(configMap('c', { resourceVersion: '7', data: { f: 'ours' } }));
    expect(store.configMap('shop', 'c')?.data).toEqual({ f: 'ours' });
  });

  test.each([
    [
      'the watch',
      (store: ClusterStore): void => {
        store.putConfigMap(configMap('c', { resourceVersion: '20' }));
        store.dropConfigMap('shop', 'c');
      },
    ],
    [
      'a list',
      (store: ClusterStore): void => {
        store.replaceConfigMaps([], '21');
      },
    ],
  ])('an answer to a write does not bring back what %s has ended since', (_by, end) => {
    const { store } = makeStore();
    end(store);
    store.answerConfigMap(configMap('c', { resourceVersion: '20' }));
    expect(store.configMap('shop', 'c')).toBeUndefined();
    store.answerConfigMap(configMap('c', { uid: 'next', resourceVersion: '22' }));
    expect(store.configMap('shop', 'c')?.uid).toBe('next');
  });

  test('an event that changes nothing of interest wakes nobody', () => {
    const { store, changed } = makeStore();
    store.putWorkload(user('Pod', 'web-1'));
    store.putWorkload(user('Pod', 'web-1'));
    store.putConfigMap(configMap('c'));
    store.putConfigMap(configMap('c'));
    expect(changed).toEqual(['shop', 'shop']);
  });
});

describe('owners', () => {
  const ref = (kind: string, name: string): OwnerReference => user(kind, name).self;

  test('climb to the topmost controller that we know', () => {
    const { store } = makeStore();
    store.putWorkload(user('Pod', 'web-1-a', ref('ReplicaSet', 'web-1')));
    expect(store.users('shop')[0]?.owner).toEqual(ref('ReplicaSet', 'web-1'));
    store.putWorkload(user('ReplicaSet', 'web-1', ref('Deployment', 'web')));
    expect(store.users('shop')[0]?.owner).toEqual(ref('Deployment', 'web'));
    store.putWorkload(user('Deployment', 'web'));
    expect(new Set(store.users('shop').map(({ owner }) => owner.name))).toEqual(new Set(['web']));
  });

  test('a controller of the same name but another uid is another object', () => {
    const { store } = makeStore();
    store.putWorkload(user('ReplicaSet', 'web-1', ref('Deployment', 'web')));
    store.putWorkload(user('Pod', 'p', { ...ref('ReplicaSet', 'web-1'), uid: 'older' }));
    const pod = store.users('shop').find(({ kind }) => kind === 'Pod');
    expect(pod?.owner).toMatchObject({ kind: 'ReplicaSet', uid: 'older' });
  });

  test('a circle of controllers ends', () => {
    const { store } = makeStore();
    store.putWorkload(user('A', 'a', ref('B', 'b')));
    store.putWorkload(user('B', 'b', ref('A', 'a')));
    expect(store.users('shop')).toHaveLength(2);
  });
});

test('a list of one kind replaces the users of that kind only', () => {
  const { store } = makeStore();
  store.putWorkload(user('Job', 'a'));
  store.putWorkload(user('Job', 'b'));
  store.putWorkload(user('Pod', 'a'));
  store.replaceWorkloads('Job', [user('Job', 'b')]);
  expect(store.users('shop').map(({ kind, name }) => `${kind}/${name}`)).toEqual([
    'Job/b',
    'Pod/a',
  ]);
  expect([...store.busyNamespaces()]).toEqual(['shop']);
});

test('one that asked and was stored without is an asker, until it is injected', () => {
  const { store, changed, wanted } = makeStore();
  store.putNamespace(namespace('shop'));
  const { status: _status, changedAtMs: _changedAtMs, ...web } = user('Deployment', 'web');
  const asker: AskerEntry = { ...web, verdict: { kind: 'injectable', trace: 'so' } };
  store.putWorkload(asker);
  store.putWorkload({ ...asker });
  expect(changed).toEqual(['shop', 'shop']);
  expect(store.askers('shop')).toEqual([asker]);
  // Nothing of ours is there, so nobody's ConfigMaps are read for it.
  expect(wanted()).toBe(0);
  store.putWorkload(user('Deployment', 'web'));
  expect(store.askers('shop')).toEqual([]);
  expect(store.users('shop')).toHaveLength(1);
  store.putWorkload(asker);
  expect(store.users('shop')).toEqual([]);
});
