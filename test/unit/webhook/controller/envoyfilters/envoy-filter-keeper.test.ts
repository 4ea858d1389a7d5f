import { beforeEach, expect, test } from 'vitest';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { defaultClusterLimits } from '../../../../../webhook/controller/cluster-limits.ts';
import { EnvoyFilterKeeper } from '../../../../../webhook/controller/envoyfilters/envoy-filter-keeper.ts';
import { EnvoyFilterStore } from '../../../../../webhook/controller/envoyfilters/envoy-filter-store.ts';
import type { EnvoyFilterTarget } from '../../../../../webhook/controller/envoyfilters/plan-envoy-filters.ts';
import {
  slimEnvoyFilter,
  specDigestOf,
} from '../../../../../webhook/controller/envoyfilters/stored-envoy-filters.ts';
import { EventWriter } from '../../../../../webhook/controller/events/event-writer.ts';
import { managedBy, wantedBy, type ConfigMapUser } from '../../../../../webhook/desired/desired.ts';
import { ApiRefusal, type KubernetesApi } from '../../../../../webhook/kube/kubernetes-api.ts';
import { SilentLog } from '../../../../fakes/silent-log.ts';

const name = `istio-svidecar-${'a'.repeat(32)}`;
const spec = { workloadSelector: { labels: { 'svidecar.dev/envoy-filter': name } } };
const target: EnvoyFilterTarget = {
  namespace: 'shop',
  name,
  labels: managedBy,
  annotations: {},
  digest: specDigestOf(spec),
  spec: () => spec,
  users: [],
};
const limits = { ...defaultClusterLimits, graceMs: 1_000 };

let nowMs: number;
let stored: JsonObject | undefined;
let version: number;
let calls: string[];
let refusal: ApiRefusal | undefined;
let filters: EnvoyFilterStore;
let keeper: EnvoyFilterKeeper;

function refuse(status: number): ApiRefusal {
  return new ApiRefusal(status, 'Refused', { message: `refused, ${status}` });
}

function store(object: JsonObject): JsonObject {
  version += 1;
  const metadata = { uid: 'u', ...objectAt(object, 'metadata'), resourceVersion: `${version}` };
  stored = { ...object, metadata };
  return stored;
}

function written(call: string, object: JsonObject): Promise<JsonObject> {
  calls.push(call);
  if (refusal !== undefined) return Promise.reject(refusal);
  if (call === 'create' && stored !== undefined) return Promise.reject(refuse(409));
  return Promise.resolve(store(object));
}

const unused = (): never => {
  throw new TypeError('not asked for in this test');
};
const api: KubernetesApi = {
  get: () => (stored === undefined ? Promise.reject(refuse(404)) : Promise.resolve(stored)),
  create: (_path, object) =>
    object['kind'] === 'Event' ? Promise.resolve(object) : written('create', object),
  replace: (_path, object) => written('replace', object),
  remove: () => {
    calls.push('remove');
    return Promise.resolve();
  },
  apply: unused,
  merge: unused,
  watch: unused,
};

beforeEach(() => {
  nowMs = 1_000_000;
  version = 1;
  stored = undefined;
  refusal = undefined;
  calls = [];
  filters = new EnvoyFilterStore(() => ({ revise: () => undefined, reviseAll: () => undefined }));
  filters.followed().available?.('there');
  const common = { api, clock: { now: (): number => nowMs }, limits, log: new SilentLog() };
  const events = new EventWriter({ ...common, instance: 'svidecar-1' });
  keeper = new EnvoyFilterKeeper({
    ...common,
    filters,
    events,
    hasConfigMap: () => false,
    revision: '',
  });
  keeper.start(new AbortController().signal);
});

test('one that another replica made a moment ago stands, and is not written again', async () => {
  store({ metadata: { namespace: 'shop', name, labels: managedBy }, spec });
  const { standing, gone, problems } = await keeper.bring('shop', [target]);
  expect([...standing]).toEqual([name]);
  expect([gone.size, problems.length]).toEqual([0, 0]);
  expect(calls).toEqual(['create']);
  await keeper.bring('shop', [target]);
  expect(calls).toEqual(['create']);
});

test('what others added to the spec goes; their labels and finalizers stay', async () => {
  const more = { ...spec, priority: -9 };
  const theirs = { labels: { ...managedBy, team: 'a' }, finalizers: ['f'] };
  const there = store({ metadata: { namespace: 'shop', name, ...theirs }, spec: more });
  filters.answer(slimEnvoyFilter(there));
  const { standing } = await keeper.bring('shop', [target]);
  expect([...standing]).toEqual([name]);
  expect(stored).toMatchObject({ spec, metadata: theirs });
  expect(objectAt(stored, 'spec')).not.toHaveProperty('priority');
  expect(keeper.counts['restored']).toBe(1);
});

test('one that others change again and again is put right later and later', async () => {
  await keeper.bring('shop', [target]);
  const change = (): void => {
    const metadata = { namespace: 'shop', name, labels: managedBy };
    filters.answer(slimEnvoyFilter(store({ metadata, spec: { priority: version } })));
  };
  const puts = (): number => calls.filter((call) => call === 'replace').length;
  change();
  await keeper.bring('shop', [target]);
  expect(puts()).toBe(1);
  change();
  const { againInMs, standing, gone } = await keeper.bring('shop', [target]);
  expect([puts(), againInMs, standing.size, gone.size]).toEqual([1, 1_000, 0, 0]);
  nowMs += 1_000;
  await keeper.bring('shop', [target]);
  expect(puts()).toBe(2);
});

test.each([
  [403, 'EnvoyFilterRefused'],
  [500, 'EnvoyFilterRefused'],
])('refused with %i it is gone, told of and tried again', async (status, reason) => {
  refusal = refuse(status);
  const { gone, problems, failures } = await keeper.bring('shop', [target]);
  expect([...gone]).toEqual([name]);
  expect(problems).toMatchObject([{ reason }]);
  expect(failures).toHaveLength(1);
  expect(keeper.problems).toBe(1);
});

test.each(['absent', 'forbidden'] as const)(
  'where the kind is %s, nothing is asked',
  async (now) => {
    filters.followed().available?.(now);
    const { standing, gone, problems } = await keeper.bring('shop', [target]);
    expect(standing.size).toBe(0);
    // What may not be read may be there: pods that mount its ConfigMap may go on to start.
    expect(gone.size).toBe(now === 'absent' ? 1 : 0);
    expect(problems).toMatchObject([{ reason: 'EnvoyFilterImpossible' }]);
    expect(calls).toEqual([]);
  },
);

test('before it is known whether there is such a kind, nothing is written, told of or taken away', async () => {
  const unknown = new EnvoyFilterStore(() => ({
    revise: () => undefined,
    reviseAll: () => undefined,
  }));
  expect(unknown.standing).toBe('unknown');
  const common = { api, clock: { now: (): number => nowMs }, limits, log: new SilentLog() };
  const events = new EventWriter({ ...common, instance: 'svidecar-1' });
  const early = new EnvoyFilterKeeper({
    ...common,
    filters: unknown,
    events,
    hasConfigMap: () => false,
    revision: '',
  });
  early.start(new AbortController().signal);
  const { standing, gone, problems, againInMs } = await early.bring('shop', [target]);
  expect([standing.size, gone.size, problems.length]).toEqual([0, 0, 0]);
  // Where the API server does not say so for long, it is told, and still nothing is taken away.
  expect(againInMs).toBe(limits.settleMs);
  nowMs += limits.settleMs;
  const late = await early.bring('shop', [target]);
  expect([late.standing.size, late.gone.size, early.problems]).toEqual([0, 0, 1]);
  expect(late.problems).toMatchObject([{ reason: 'EnvoyFilterImpossible' }]);
  expect(late.problems[0]?.message).toContain('has not told svidecar yet');
  unknown.followed().available?.('there');
  expect((await early.bring('shop', [target])).problems).toEqual([]);
});

/** As a version that knows more would write it. */
const newer: ConfigMapUser = {
  namespace: 'shop',
  kind: 'Deployment',
  name: 'web',
  owner: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: 'w' },
  status: JSON.stringify({
    version: '9.0.0',
    templates: ['jwt-validate'],
    envoy: {
      source: 'istio',
      derived: name,
      file: '',
      directory: '',
      istio: { role: 'sidecar', more: true },
      templates: [],
      values: {},
    },
    undo: {},
  }),
};

test('one that a newer version keeps is neither written nor removed', async () => {
  const { problems, envoys } = wantedBy([newer]);
  expect(envoys).toEqual([]);
  expect(problems).toMatchObject([{ reason: 'StatusInvalid' }]);
  expect(problems[0]?.message).toContain('knows more than this version');
  filters.answer(
    slimEnvoyFilter(store({ metadata: { namespace: 'shop', name, labels: managedBy }, spec: {} })),
  );
  const look = (users: readonly ConfigMapUser[]): Promise<unknown> =>
    keeper.removeUnused('shop', { desired: new Set(), users, isCurrent: true });
  for (let looks = 0; looks < 3; looks += 1) {
    await look([newer]);
    nowMs += limits.graceMs;
  }
  expect(calls).toEqual([]);
  await look([]);
  nowMs += limits.graceMs;
  await look([]);
  expect(calls).toEqual(['remove']);
});

test('nothing is removed while a user may be overlooked', async () => {
  const metadata = { namespace: 'shop', name, labels: managedBy };
  filters.answer(slimEnvoyFilter(store({ metadata, spec })));
  for (let looks = 0; looks < 3; looks += 1) {
    await keeper.removeUnused('shop', { desired: new Set(), users: [], isCurrent: false });
    nowMs += limits.graceMs;
  }
  expect(calls).toEqual([]);
  expect(stringAt(isObject(stored) ? objectAt(stored, 'metadata') : {}, 'name')).toBe(name);
});
