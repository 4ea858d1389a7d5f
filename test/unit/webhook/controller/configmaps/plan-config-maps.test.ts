import { describe, expect, test } from 'vitest';
import type { ConfigMapEntry } from '../../../../../webhook/controller/kept-objects.ts';
import { planNamespace } from '../../../../../webhook/controller/configmaps/plan-config-maps.ts';
import type {
  Plan,
  PlanInput,
  Target,
} from '../../../../../webhook/controller/configmaps/plan-config-maps.ts';
import type { ConfigMapUser } from '../../../../../webhook/desired/desired.ts';

const name = `svidecar-${'1'.repeat(32)}`;
const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'u1' };
const labels = { 'app.kubernetes.io/managed-by': 'svidecar' };
const wanted: Target = {
  namespace: 'shop',
  name,
  digest: 'x',
  contents: () => ({ data: { f: 'x' }, changes: [], warnings: [], sourceVersion: '' }),
  users: [],
  immutable: false,
  labels,
  annotations: { a: 'b' },
  owners: [owner],
};
const { contents: _contents, users: _users, ...standing } = wanted;
const there: ConfigMapEntry = {
  ...standing,
  data: {},
  uid: 'c1',
  resourceVersion: '7',
  isManaged: true,
};
const user: ConfigMapUser = {
  namespace: 'shop',
  kind: 'Deployment',
  name: 'web',
  owner,
  status: `{"helper":"${name}"}`,
};

function plan(existing: readonly ConfigMapEntry[], changed: Partial<PlanInput> = {}): Plan {
  const byName = new Map(existing.map((entry) => [entry.name, entry]));
  return planNamespace({
    desired: [wanted],
    users: [user],
    withdrawn: new Set(),
    existing: (name) => byName.get(name),
    managed: new Map([...byName].filter(([, entry]) => entry.isManaged)),
    unusedSinceMs: new Map(),
    nowMs: 10_000,
    graceMs: 1_000,
    ...changed,
  });
}

test('what is missing is applied, what is as desired is left alone', () => {
  expect(plan([]).steps).toEqual([{ kind: 'apply', configMap: wanted, uid: undefined }]);
  expect(plan([there])).toEqual({
    steps: [],
    problems: [],
    unusedSinceMs: new Map(),
    againInMs: undefined,
  });
});

describe('a difference is applied to the object that is there', () => {
  test.each([
    ['other texts', { digest: 'y' }],
    ['a label lost', { labels: {} }],
    ['an annotation changed', { annotations: { a: 'c' } }],
    ['an owner missing', { owners: [] }],
    ['an owner too many', { owners: [owner, { ...owner, uid: 'u2' }] }],
    ['another owner', { owners: [{ ...owner, uid: 'u2' }] }],
  ])('%s', (_name, difference) => {
    const { steps } = plan([{ ...there, ...difference }]);
    expect(steps).toEqual([{ kind: 'apply', configMap: wanted, uid: 'c1' }]);
  });
});

test('labels and annotations of others are no difference', () => {
  const more = { labels: { ...labels, team: 'a' }, annotations: { a: 'b', c: 'd' } };
  expect(plan([{ ...there, ...more }]).steps).toEqual([]);
});

test('an immutable one with other contents is made anew, one with other owners is not', () => {
  const fixed = { ...wanted, immutable: true };
  const changed = { ...there, immutable: true, digest: 'y' };
  expect(plan([changed], { desired: [fixed] }).steps).toEqual([
    { kind: 'recreate', configMap: fixed, uid: 'c1' },
  ]);
  const orphan = { ...there, immutable: true, owners: [] };
  expect(plan([orphan], { desired: [fixed] }).steps).toEqual([
    { kind: 'apply', configMap: fixed, uid: 'c1' },
  ]);
});

test('under a name from before 0.1.0 other settings are a problem, and are not replaced', () => {
  const short = { name: name.slice(0, -22) };
  const fixed = { ...wanted, ...short, immutable: true };
  for (const immutable of [true, false]) {
    const found = plan([{ ...there, ...short, immutable, digest: 'y' }], { desired: [fixed] });
    expect(found.steps).toEqual([]);
    expect(found.problems).toMatchObject([{ reason: 'ConfigMapTaken' }]);
  }
  expect(plan([{ ...there, ...short, immutable: true }], { desired: [fixed] }).problems).toEqual(
    [],
  );
  const derived = { ...wanted, ...short };
  expect(plan([{ ...there, ...short, digest: 'y' }], { desired: [derived] }).steps).toHaveLength(1);
});

test("somebody else's ConfigMap of this name is a problem and no step", () => {
  const { steps, problems } = plan([{ ...there, isManaged: false, labels: {} }]);
  expect(steps).toEqual([]);
  const message: unknown = expect.stringContaining(`shop/${name} exists and is not svidecar`);
  expect(problems).toMatchObject([{ reason: 'ConfigMapTaken', message }]);
});

describe('removal', () => {
  const none = { desired: [], users: [] };

  test('one without a user waits for the end of the grace', () => {
    const first = plan([there], none);
    expect(first.steps).toEqual([]);
    expect(first.againInMs).toBe(1_000);
    const later = { ...none, unusedSinceMs: first.unusedSinceMs };
    expect(plan([there], { ...later, nowMs: 10_999 })).toMatchObject({ steps: [], againInMs: 1 });
    expect(plan([there], { ...later, nowMs: 11_000 }).steps).toEqual([
      { kind: 'remove', name, uid: 'c1', resourceVersion: '7' },
    ]);
  });

  test('a user that comes back ends the grace', () => {
    const { unusedSinceMs } = plan([there], none);
    expect(plan([there], { unusedSinceMs, nowMs: 99_000 }).unusedSinceMs).toEqual(new Map());
  });

  test('one that a user names stays although it cannot be made now', () => {
    const past = new Map([[name, 0]]);
    expect(plan([there], { desired: [], unusedSinceMs: past }).steps).toEqual([]);
  });

  test.each(['config', 'my-svidecar', 'svidecar', 'svidecar-', 'svidecar-a1', `${name}-b`])(
    'one called %s stays: its name is not ours, whatever its label',
    (name) => {
      const past = new Map([[name, 0]]);
      expect(plan([{ ...there, name }], { ...none, unusedSinceMs: past }).steps).toEqual([]);
    },
  );

  test.each(['', '2'.repeat(22)])(
    'a derived one is ours by its name, from before 0.1.0 too',
    (rest) => {
      const derived = `my-envoy-svidecar-0a1b2c3d4e${rest}`;
      const past = new Map([[derived, 0]]);
      const found = plan([{ ...there, name: derived }], { ...none, unusedSinceMs: past });
      expect(found.steps).toHaveLength(1);
    },
  );
});

describe('where not everything is known', () => {
  test('nothing is removed while a status is not held', () => {
    const unread: ConfigMapUser = { ...user, status: '', isStatusWithheld: true };
    const changed = { desired: [], users: [unread], unusedSinceMs: new Map([[name, 0]]) };
    expect(plan([there], changed).steps).toEqual([]);
    expect(plan([there], { ...changed, users: [] }).steps).toHaveLength(1);
  });

  test('one whose metadata is not held is believed to have the right one, not to have the right contents', () => {
    const unheld = { ...there, labels: {}, annotations: {}, owners: [], withheldBytes: 9 };
    expect(plan([unheld]).steps).toEqual([]);
    expect(plan([{ ...unheld, digest: 'y' }]).steps).toHaveLength(1);
  });
});
