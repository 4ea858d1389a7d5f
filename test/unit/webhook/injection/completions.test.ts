import { describe, expect, test } from 'vitest';
import { isObject, listAt, objectAt, type Json, type JsonObject } from '#kernel/json.ts';
import { decideOn, injected, operationsOf, stepsOf } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { withMergedVolumes } from '../../../../webhook/injection/completions.ts';
import { statusOf, strip } from '../../../../webhook/injection/status.ts';

const mount = { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' };
const second = { name: 'workload-socket', mountPath: '/run/secrets/workload-spiffe-uds' };
const proxy = { name: 'istio-proxy', image: 'proxy:1', restartPolicy: 'Always' };
const app = { name: 'app', image: 'app:1' };
const csi = { name: 'workload-socket', csi: { driver: 'csi.spiffe.io', readOnly: true } };

function pod(spec: JsonObject, annotations: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'frontend',
      namespace: 'shop',
      annotations: { 'inject.svidecar.dev/templates': 'istio-spire', ...annotations },
    },
    spec: { containers: [app], ...spec },
  };
}

/** What Istio makes of a pod whose template we have injected: its container, and our volume in place of its own. */
function proxied(template: JsonObject, mounts: readonly Json[]): JsonObject {
  const spec = objectAt(template, 'spec');
  return { ...template, spec: { ...spec, initContainers: [{ ...proxy, volumeMounts: mounts }] } };
}

function withoutOurs(object: JsonObject): JsonObject {
  const status = statusOf(object);
  return objectAt(status === undefined ? object : strip(object, status.undo), 'spec');
}

describe("a volume that merges with Istio's", () => {
  test('is declared before Istio has come, and is its emptyDir again without us', () => {
    const first = injected(pod({}));
    expect(objectAt(first, 'spec')['volumes']).toEqual([csi]);
    const done = injected(proxied(first, [mount]));
    expect(objectAt(done, 'spec')).toEqual(objectAt(proxied(first, [mount]), 'spec'));
    expect(statusOf(done)?.awaits).toBeUndefined();
    expect(withoutOurs(done)['volumes']).toEqual([{ name: 'workload-socket', emptyDir: {} }]);
    expect(operationsOf(decideOn(done))).toEqual([]);
  });

  test('stays where a template of the user mounts it as well', () => {
    const first = injected(pod({}));
    const done = injected(proxied(first, [mount, second]));
    expect(objectAt(done, 'spec')['volumes']).toEqual([csi]);
    expect(withoutOurs(done)['volumes']).toEqual([csi]);
    expect(operationsOf(decideOn(done))).toEqual([]);
  });

  test('becomes one source where Istio has added a second', () => {
    const both = { ...csi, emptyDir: {} };
    const first = proxied(injected(pod({})), [mount]);
    const done = injected({ ...first, spec: { ...objectAt(first, 'spec'), volumes: [both] } });
    expect(objectAt(done, 'spec')['volumes']).toEqual([csi]);
  });

  test('is nobody else’s while no container mounts it', () => {
    const current = { spec: { volumes: [csi], containers: [app] } };
    const stripped = { spec: { containers: [app] } };
    const wanted = { spec: { volumes: [{ ...csi, $patch: 'merge' }] } };
    const found = withMergedVolumes(stripped, current, wanted);
    expect(found).toEqual({ template: stripped, theirs: [] });
  });
});

test("jwt-validate and istio-spire live in one pod, before and after Istio's injection", () => {
  const asked = pod(
    {},
    {
      'inject.svidecar.dev/templates': 'istio-spire,jwt-validate',
      'svidecar.dev/audience': 'spiffe://example.org/ns/shop/sa/backend',
      'svidecar.dev/envoy-container': 'istio-proxy',
    },
  );
  const first = injected(asked);
  expect(statusOf(first)).toMatchObject({ awaits: ['istio-proxy'] });
  const spec = objectAt(first, 'spec');
  const both = [{ ...proxy, volumeMounts: [mount] }, ...listAt(spec, 'initContainers')];
  const done = injected({ ...first, spec: { ...spec, initContainers: both } });
  expect(statusOf(done)?.awaits).toBeUndefined();
  expect(objectAt(done, 'spec')['volumes']).toEqual(spec['volumes']);
  expect(spec['volumes']).toContainEqual({ ...csi, name: 'spiffe-workload-api' });
  expect(operationsOf(decideOn(done))).toEqual([]);
});

describe('a container that a template completes', () => {
  test('is mounted into where it lacks the mount, in either list', () => {
    for (const list of ['initContainers', 'containers']) {
      const spec = list === 'containers' ? { containers: [app, proxy] } : { [list]: [proxy] };
      const done = objectAt(injected(pod(spec)), 'spec');
      const all = [done['containers'], done['initContainers']].flat();
      const found = all.find((each) => isObject(each) && each['name'] === 'istio-proxy');
      expect(found).toMatchObject({ volumeMounts: [{ ...second, readOnly: true }] });
    }
  });

  test.each([{}, { image: '' }, { image: 'auto' }])('is awaited as an overlay %j', (image) => {
    const overlay = { name: 'istio-proxy', ...image };
    const decision = decideOn(pod({ containers: [app, overlay] }));
    expect(stepsOf(decision)).toContain('awaits_container');
    expect(decision).toMatchObject({ status: { awaits: ['istio-proxy'] } });
  });

  test("is not awaited where Istio is turned off; Istio's label counts more than its annotation", () => {
    const off = { 'sidecar.istio.io/inject': 'false' };
    expect(decideOn(pod({}, off))).toMatchObject({ kind: 'refused', code: 'ISTIO_UNFIT' });
    const on = pod({}, off);
    const labels = { 'sidecar.istio.io/inject': 'true' };
    const labelled = { ...on, metadata: { ...objectAt(on, 'metadata'), labels } };
    expect(decideOn(labelled).kind).toBe('injected');
  });

  test('of another name is awaited whatever Istio is told', () => {
    const engine = engineFor({
      templates: {
        ours: {
          description: 'Completes a container.',
          fragments: [{ pod: { spec: { containers: [{ name: 'other', env: [] }] } } }],
        },
      },
    });
    const asked = pod(
      {},
      { 'inject.svidecar.dev/templates': 'ours', 'sidecar.istio.io/inject': 'false' },
    );
    expect(decideOn(asked, { engine })).toMatchObject({ status: { awaits: ['other'] } });
  });
});
