import fc from 'fast-check';
import { expect, test } from 'vitest';
import { defaultClusterLimits } from '../../../../webhook/controller/cluster-limits.ts';
import { slimWorkload, type UserEntry } from '../../../../webhook/controller/kept-objects.ts';
import { ClusterStore } from '../../../../webhook/controller/store.ts';
import type { WorkloadKind } from '../../../../webhook/objects/kinds.ts';
import { readStatuses } from '../../../../webhook/desired/read-statuses.ts';

const limits = { ...defaultClusterLimits, namespaceStatusChars: 1_000, allStatusChars: 2_500 };

function newStore(): { store: ClusterStore; changed: string[] } {
  const changed: string[] = [];
  const store = new ClusterStore({
    changed: (namespace) => changed.push(namespace),
    configMapsWanted: () => undefined,
    ignoredNamespaces: () => new Set(),
    limits,
  });
  return { store, changed };
}

function user(namespace: string, name: string, status: string): UserEntry {
  const self = { apiVersion: 'v1', kind: 'Pod', name, uid: `${namespace} ${name}` };
  return { namespace, kind: 'Pod', name, self, controller: undefined, status, changedAtMs: 0 };
}
const text = (letter: string, length: number): string => letter.repeat(length);

/** Names of those whose status is held. */
function held(store: ClusterStore, namespace: string): readonly string[] {
  const users = store.users(namespace).filter((each) => each.isStatusWithheld !== true);
  return users.map((each) => each.name).sort();
}

/** Characters of different statuses that are held of a namespace. */
function chars(store: ClusterStore, namespace: string): number {
  const texts = new Set(store.users(namespace).map((each) => each.status));
  return [...texts].reduce((sum, each) => sum + each.length, 0);
}

test('replicas of one workload cost their text once', () => {
  const { store } = newStore();
  for (let index = 0; index < 100; index += 1)
    store.putWorkload(user('shop', `web-${index}`, text('a', 900)));
  expect(held(store, 'shop')).toHaveLength(100);
});

test('what a namespace has no room for is known without its status, said, and taken in once there is room', () => {
  const { store, changed } = newStore();
  store.putWorkload(user('shop', 'a', text('a', 600)));
  const late = user('shop', 'b', text('b', 600));
  store.putWorkload(late);
  expect(held(store, 'shop')).toEqual(['a']);
  const { faults } = readStatuses(store.users('shop'));
  expect([...faults.values()].slice(1)).toEqual([
    expect.stringMatching(/^Pod shop\/b: its status annotation is not held: .* 4 MiB .* 16 MiB/),
  ]);
  changed.length = 0;
  store.putWorkload(late);
  expect(changed).toEqual([]);
  store.dropWorkload('Pod', 'shop', 'a');
  store.putWorkload(late);
  expect(held(store, 'shop')).toEqual(['b']);
});

test('where there is too much in all, the greatest namespace gives up its longest', () => {
  const { store, changed } = newStore();
  for (const namespace of ['one', 'two']) {
    store.putWorkload(user(namespace, 'long', text('a', 600)));
    store.putWorkload(user(namespace, 'short', text('b', 300)));
  }
  store.putWorkload(user('two', 'more', text('c', 100)));
  changed.length = 0;
  store.putWorkload(user('small', 'web', text('a', 700)));
  expect(held(store, 'small')).toEqual(['web']);
  expect(held(store, 'two')).toEqual(['more', 'short']);
  expect(held(store, 'one')).toEqual(['long', 'short']);
  expect(changed).toContain('two');
});

test('a list gathers no more than may be held, and nothing twice', () => {
  const { store } = newStore();
  const known = text('k', 900);
  store.putWorkload(user('shop', 'known', known));
  const sift = store.workloadSifter();
  const listed = ['one', 'two', 'three', 'four', 'five'].flatMap((namespace) =>
    ['a', 'b', 'c'].map((letter) => sift(user(namespace, letter, text(letter, 400)))),
  );
  const gathered = listed.filter((each) => !('isStatusWithheld' in each));
  expect(gathered.length).toBeGreaterThan(5);
  expect(gathered.length * 400).toBeLessThan(limits.allStatusChars + 500);
  const again = sift(user('shop', 'known', `${'k'.repeat(450)}${'k'.repeat(450)}`));
  expect(again).not.toHaveProperty('isStatusWithheld');
});

test('law: whatever comes and goes, no more is held than may be, and who is small is held', () => {
  const step = fc.record({
    namespace: fc.constantFrom('a', 'b', 'c', 'd'),
    name: fc.constantFrom('1', '2', '3', '4'),
    length: fc.integer({ min: 0, max: 1_200 }),
    isEnd: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { store } = newStore();
      for (const { namespace, name, length, isEnd } of steps) {
        if (isEnd) store.dropWorkload('Pod', namespace, name);
        else store.putWorkload(user(namespace, name, text(name, length)));
        const each = ['a', 'b', 'c', 'd'].map((of) => chars(store, of));
        expect(Math.max(...each)).toBeLessThanOrEqual(limits.namespaceStatusChars);
        expect(each.reduce((a, b) => a + b)).toBeLessThanOrEqual(limits.allStatusChars);
      }
      store.putWorkload(user('newcomer', 'web', text('w', 400)));
      expect(held(store, 'newcomer')).toEqual(['web']);
    }),
  );
});

test('of what would be said of an object no more is kept than an event can say', () => {
  const type: WorkloadKind = {
    group: '',
    versions: ['v1'],
    kind: 'Pod',
    resource: 'pods',
    templatePath: [],
  };
  const entry = slimWorkload({ metadata: { name: 'web', namespace: 'shop' } }, type, () => ({
    kind: 'refused',
    trace: text('x', 200_000),
  }));
  expect(entry).toMatchObject({ verdict: { kind: 'refused', trace: text('x', 2_048) } });
});
