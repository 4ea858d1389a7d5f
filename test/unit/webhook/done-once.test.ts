/** How often the costly steps run from a review to the ConfigMaps that follow from it. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { envoyCheck, keysReader } from '../../../webhook/admission/check-envoy.ts';
import { review, type ReviewContext } from '../../../webhook/admission/review.ts';
import { defaultClusterLimits } from '../../../webhook/controller/cluster-limits.ts';
import { Controller } from '../../../webhook/controller/controller.ts';
import { EnvoyFilterStore } from '../../../webhook/controller/envoyfilters/envoy-filter-store.ts';
import { EventWriter } from '../../../webhook/controller/events/event-writer.ts';
import { slimConfigMap, slimWorkload } from '../../../webhook/controller/kept-objects.ts';
import { ClusterStore } from '../../../webhook/controller/store.ts';
import { markedWanted, renderMarked } from '../../../webhook/desired/marks.ts';
import { patchEnvoy } from '../../../webhook/envoy/patch-envoy.ts';
import { statusFault } from '../../../webhook/injection/status-bounds.ts';
import { ApiRefusal, type KubernetesApi } from '../../../webhook/kube/kubernetes-api.ts';
import { injectTexts } from '../../../webhook/manifests/inject-texts.ts';
import { kindNamed } from '../../../webhook/objects/kinds.ts';
import { locate } from '../../../webhook/request/locate.ts';
import { envoyConfig } from '../../bench/review-bodies.ts';
import { carriedOut, decideOn, withAnnotations } from '../../fakes/admission.ts';
import { engineFor } from '../../fakes/engine.ts';
import { SilentLog } from '../../fakes/silent-log.ts';
import { deployment, injectBackend } from '../../fakes/workloads.ts';

vi.mock('../../../webhook/envoy/patch-envoy.ts', { spy: true });
vi.mock('../../../webhook/request/locate.ts', { spy: true });
// Runs once for each status that is parsed.
vi.mock('../../../webhook/injection/status-bounds.ts', { spy: true });

interface Counts {
  readonly rendered: number;
  readonly located: number;
  readonly parsed: number;
}

function counts(): Counts {
  return {
    rendered: vi.mocked(patchEnvoy).mock.calls.length,
    located: vi.mocked(locate).mock.calls.length,
    parsed: vi.mocked(statusFault).mock.calls.length,
  };
}

function countOf(run: () => void): Counts {
  vi.clearAllMocks();
  run();
  return counts();
}

const stopping = new AbortController();
afterEach(() => {
  stopping.abort();
});
beforeEach(() => {
  vi.clearAllMocks();
});

const workload = deployment(injectBackend);
const injected = carriedOut(workload, decideOn(workload));
test.each<[string, JsonObject, Omit<Counts, 'rendered'> & { readonly before?: JsonObject }]>([
  ['a new workload', workload, { located: 1, parsed: 0 }],
  ['an injected one', injected, { located: 1, parsed: 1 }],
  ['an update that changes nothing', injected, { before: injected, located: 2, parsed: 1 }],
  [
    'an update that takes the annotations away',
    withAnnotations(injected, {
      'svidecar.dev/status': undefined,
      'inject.svidecar.dev/templates': undefined,
    }),
    { before: injected, located: 2, parsed: 1 },
  ],
  [
    'an update that takes the status away',
    withAnnotations(injected, { 'svidecar.dev/status': undefined }),
    { before: injected, located: 2, parsed: 1 },
  ],
])(
  '%s is located once, and so is what it was; a status is parsed once',
  (_name, object, { before, ...most }) => {
    const seen = countOf(() => {
      decideOn(object, { before });
    });
    expect(seen).toEqual({ rendered: 0, ...most });
  },
);

const source = {
  metadata: { namespace: 'shop', name: 'frontend-envoy', uid: 'uid-source', resourceVersion: '1' },
  data: { 'envoy.yaml': envoyConfig },
};

/** The API server as far as the controller needs it. */
function memoryApi(written: Map<string, JsonObject>): KubernetesApi {
  const unused = (): never => {
    throw new TypeError('the controller applies and reads');
  };
  let version = 100;
  return {
    replace: unused,
    merge: unused,
    watch: unused,
    remove: unused,
    create: (_path, object) => Promise.resolve(object),
    get: (path) => {
      const found = written.get(path);
      return found === undefined
        ? Promise.reject(new ApiRefusal(404, 'NotFound', { message: path }))
        : Promise.resolve(found);
    },
    apply: (path, object) => {
      version += 1;
      const metadata = {
        ...objectAt(object, 'metadata'),
        uid: path,
        resourceVersion: `${version}`,
      };
      written.set(path, { ...object, metadata });
      return Promise.resolve({ ...object, metadata });
    },
  };
}

function storeOf(revise: (namespace: string) => void): ClusterStore {
  const store = new ClusterStore({
    changed: revise,
    configMapsWanted: () => undefined,
    ignoredNamespaces: () => new Set(),
    limits: defaultClusterLimits,
  });
  store.putNamespace({ namespace: '', name: 'shop', injection: 'enabled' });
  store.putConfigMap(slimConfigMap(source));
  return store;
}

test('admission and controller render a source once between them, for each plan', async () => {
  const engine = engineFor();
  const written = new Map<string, JsonObject>();
  const revised: { by?: Controller } = {};
  const store = storeOf((namespace) => revised.by?.revise(namespace));
  const read: Parameters<typeof envoyCheck>[0] = (namespace, name) => store.source(namespace, name);
  const context: ReviewContext = {
    engine,
    checkEnvoy: envoyCheck(read, engine.memory.copies, 'words'),
    configMapKeys: keysReader(read),
    heldConfigMap: () => undefined,
    ignoredNamespaces: new Set(),
  };
  const marking = { memory: engine.memory, marks: engine.config.configMaps };
  const desire = {
    wanted: (users: Parameters<typeof markedWanted>[0]) => markedWanted(users, marking),
    render: (
      namespace: string,
      envoy: Parameters<typeof renderMarked>[0],
      found: ReturnType<ClusterStore['source']>,
    ) => renderMarked(envoy, { namespace, source: found }, marking),
  };
  const api = memoryApi(written);
  const common = {
    api,
    clock: { now: () => Date.now() },
    log: new SilentLog(),
    instance: 'svidecar-1',
    limits: { ...defaultClusterLimits, gatherMs: 1 },
  };
  const controller: Controller = new Controller({
    ...common,
    store,
    filters: new EnvoyFilterStore(() => controller),
    desire: () => desire,
    isCurrent: () => true,
    random: () => 0.5,
    registrationProblems: () => [],
    events: new EventWriter(common),
  });
  revised.by = controller;
  const request = {
    uid: 'u',
    namespace: 'shop',
    operation: 'CREATE',
    object: workload,
    kind: { group: 'apps', version: 'v1', kind: 'Deployment' },
  };
  const body = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
  expect(review(body, context).decision).toBe('injected');
  expect(review(body, context).decision).toBe('injected');
  expect(counts()).toEqual({ rendered: 1, located: 2, parsed: 0 });

  const stored = carriedOut(workload, decideOn(workload));
  const type = kindNamed('Deployment');
  if (type === undefined) throw new TypeError('Deployments are known');
  vi.clearAllMocks();
  controller.start(stopping.signal);
  const user = slimWorkload(stored, type, () => undefined);
  if (user === undefined) throw new TypeError('it carries a status');
  store.putWorkload(user);
  for (let tries = 0; tries < 200 && written.size < 2; tries += 1) await wait(10);
  const copies = [...written.values()].map((object) =>
    stringAt(objectAt(object, 'data'), 'envoy.yaml'),
  );
  expect(copies).toContainEqual(expect.stringContaining('ext_authz'));
  await wait(50);
  expect(counts()).toEqual({ rendered: 0, located: 0, parsed: 1 });

  // The same text in another version of the object.
  const metadata = { ...source.metadata, resourceVersion: '1000' };
  store.putConfigMap(slimConfigMap({ ...source, metadata }));
  controller.revise('shop');
  await wait(100);
  expect(counts()).toEqual({ rendered: 0, located: 0, parsed: 1 });
});

test('offline, what was decided is not parsed again, and is rendered once', () => {
  const engine = engineFor();
  const texts = [{ ...source, apiVersion: 'v1', kind: 'ConfigMap' }, workload].map((object) => ({
    name: 'all.json',
    text: JSON.stringify(object),
  }));
  vi.clearAllMocks();
  const { text } = injectTexts(texts, { engine, namespace: 'shop' });
  expect(text).toContain('ext_authz');
  expect(counts()).toMatchObject({ rendered: 1, parsed: 0 });
});
