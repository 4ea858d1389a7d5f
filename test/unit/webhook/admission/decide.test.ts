import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { statusKey } from '../../../../webhook/request/metadata-keys.ts';
import {
  carriedOut,
  decideOn,
  injected,
  namesAt,
  operationsOf,
  stepsOf,
  valueAt,
  withAnnotations,
} from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import {
  appWithEnvoy,
  deployment,
  injectBackend,
  madeBy,
  pod,
  podTemplate,
} from '../../../fakes/workloads.ts';

const template = '/spec/template';

function changed(object: JsonObject, members: JsonObject): JsonObject {
  return { ...object, ...members };
}

function withMetadata(object: JsonObject, members: JsonObject): JsonObject {
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), ...members } };
}

function kindOf(apiVersion: string, kind: string): JsonObject {
  return changed(deployment(injectBackend), { apiVersion, kind });
}

describe('a kind', () => {
  test.each([
    ['apps/v1', 'Deployment'],
    ['apps/v1', 'StatefulSet'],
    ['apps/v1', 'DaemonSet'],
    ['apps/v1', 'ReplicaSet'],
    ['batch/v1', 'Job'],
  ])('%s %s is injected in its pod template', (apiVersion, kind) => {
    const object = injected(kindOf(apiVersion, kind));
    expect(namesAt(object, `${template}/spec/initContainers`)).toEqual(['auth-helper']);
  });

  test('a CronJob is injected two levels down, and a Pod at its root', () => {
    const cron = {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'c' },
      spec: { jobTemplate: { spec: { template: podTemplate(injectBackend) } } },
    };
    const inner = '/spec/jobTemplate/spec/template/spec/initContainers';
    expect(namesAt(injected(cron), inner)).toEqual(['auth-helper']);
    expect(namesAt(injected(pod(injectBackend)), '/spec/initContainers')).toEqual(['auth-helper']);
  });

  test.each([
    ['another group', kindOf('example.org/v1', 'Deployment')],
    ['another kind', { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a' } }],
    ['no kind', {}],
    ['no template', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: {}, spec: {} }],
    ['no spec in the template', changed(deployment({}), { spec: { template: {} } })],
  ])('%s is passed over without a word', (_name, object) => {
    expect(decideOn(object)).toMatchObject({ kind: 'skipped', reason: 'object_unknown' });
    expect(decideOn(object).steps.filter((step) => step.level === 'warning')).toEqual([]);
  });
});

describe('an object that is left alone', () => {
  const wrong = { ...injectBackend, 'svidecar.dev/socket': 'nonsense' };
  test.each([
    ['asks for nothing', deployment({}), { reason: 'not_requested', warnings: 0 }],
    [
      'has opted out',
      deployment({ ...injectBackend, 'svidecar.dev/inject': 'false' }),
      { reason: 'opted_out', warnings: 0 },
    ],
    [
      'asks for no template',
      deployment({ 'inject.svidecar.dev/templates': '' }),
      { reason: 'opted_out', warnings: 0 },
    ],
    [
      'has settings only',
      deployment({ 'svidecar.dev/audience': 'a' }),
      { reason: 'opted_out', warnings: 1 },
    ],
    [
      'is in kube-system',
      withMetadata(deployment(wrong), { namespace: 'kube-system' }),
      { reason: 'namespace_ignored', warnings: 1 },
    ],
    [
      'is on the host network',
      deployment(wrong, { ...appWithEnvoy, hostNetwork: true }),
      { reason: 'host_network', warnings: 1 },
    ],
    [
      'is a mirror pod',
      pod({ ...wrong, 'kubernetes.io/config.mirror': 'x' }),
      { reason: 'mirror_pod', warnings: 1 },
    ],
    [
      'is being deleted',
      withMetadata(deployment(wrong), { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      { reason: 'being_deleted', warnings: 0 },
    ],
    [
      'is a ReplicaSet of a Deployment',
      withMetadata(kindOf('apps/v1', 'ReplicaSet'), { ownerReferences: madeBy('Deployment') }),
      { reason: 'controller_owned', warnings: 0 },
    ],
  ])('%s', (_name, object, { reason, warnings }) => {
    const decision = decideOn(object);
    expect(decision).toMatchObject({ kind: 'skipped', reason });
    expect(decision.steps.filter((step) => step.level === 'warning')).toHaveLength(warnings);
  });

  test.each([
    ['Job', kindOf('batch/v1', 'Job')],
    ['Pod', pod(injectBackend)],
    ['Pod with a wrong annotation', pod(wrong)],
    ['Pod with a damaged status', pod({ ...injectBackend, [statusKey]: '{' })],
  ])('a %s on update, because its pods cannot change', (_name, object) => {
    expect(decideOn(object, { before: object })).toMatchObject({
      kind: 'skipped',
      reason: 'immutable',
    });
  });

  test('annotations on the workload itself are pointed out, with the right place', () => {
    const object = withMetadata(deployment({}), { annotations: injectBackend });
    const [step] = decideOn(object).steps;
    expect(step).toMatchObject({ id: 'annotation_on_workload', level: 'warning' });
    expect(step?.message).toContain('move it to spec.template.metadata.annotations');
  });
});

describe('an injected object', () => {
  const object = injected(deployment(injectBackend));

  test('is left alone on an update that does not touch its template', () => {
    const decision = decideOn(object, {
      before: object,
      engine: engineFor({ helper: { image: 'new:1' } }),
    });
    expect(decision).toMatchObject({ kind: 'unchanged', operations: [] });
    expect(stepsOf(decision)).toContain('template_unchanged');
  });

  test('takes the newest configuration when its template is touched', () => {
    const touched = withAnnotations(object, { restartedAt: 'now' });
    const again = injected(touched, {
      before: object,
      engine: engineFor({ helper: { image: 'new:1' } }),
    });
    expect(valueAt(again, `${template}/spec/initContainers/name=auth-helper/image`)).toBe('new:1');
  });

  test('has its Envoy volume put back when the original manifest is applied again', () => {
    const path = `${template}/spec/volumes/name=envoy-config/configMap/name`;
    const derived = valueAt(object, path);
    const reset = JSON.parse(
      JSON.stringify(object).replaceAll(
        `"name":${JSON.stringify(derived)}`,
        '"name":"frontend-envoy"',
      ),
    ) as JsonObject;
    expect(valueAt(reset, path)).toBe('frontend-envoy');
    const decision = decideOn(reset, { before: object });
    expect(decision.kind).toBe('unchanged');
    const operations = decision.kind === 'unchanged' ? decision.operations : [];
    expect(operations.at(-1)).toMatchObject({ op: 'replace', value: derived });
  });

  test('follows another source ConfigMap', () => {
    const moved = JSON.parse(
      JSON.stringify(object).replace(
        /"name":"frontend-envoy-svidecar-[0-9a-f]+"/,
        '"name":"other-envoy"',
      ),
    ) as JsonObject;
    const again = injected(moved, { before: object });
    const path = `${template}/spec/volumes/name=envoy-config/configMap/name`;
    expect(valueAt(again, path)).toMatch(/^other-envoy-svidecar-[0-9a-f]{32}$/);
  });

  test('in another namespace gets the identity of that namespace', () => {
    const validate = { 'inject.svidecar.dev/templates': 'jwt-validate' };
    const pasted = withMetadata(injected(deployment(validate)), { namespace: 'copy' });
    const fresh = withMetadata(deployment(validate), { namespace: 'copy' });
    expect(injected(pasted)).toEqual(injected(fresh));
  });

  test('with a part missing is completed', () => {
    const broken = structuredClone(object);
    const spec = valueAt(broken, `${template}/spec`) as Record<string, unknown>;
    delete spec['initContainers'];
    expect(injected(broken, { before: object })).toEqual(object);
  });

  test('is taken back exactly when its annotations are gone, and when it opts out', () => {
    const bare = withAnnotations(object, {
      'inject.svidecar.dev/templates': undefined,
      'svidecar.dev/audience': undefined,
    });
    expect(decideOn(bare).kind).toBe('uninjected');
    expect(injected(bare)).toEqual(deployment({}));
    const out = { 'svidecar.dev/inject': 'false' };
    expect(injected(withAnnotations(object, out))).toEqual(
      deployment({ ...injectBackend, ...out }),
    );
  });

  describe('that lost its annotations as a whole, as kubectl apply takes them away', () => {
    const bare = structuredClone(object);
    delete (valueAt(bare, `${template}/metadata`) as Record<string, unknown>)['annotations'];
    const never = deployment({});
    delete (valueAt(never, `${template}/metadata`) as Record<string, unknown>)['annotations'];

    test('is taken back by what it was before the update', () => {
      const decision = decideOn(bare, { before: object });
      expect(decision.kind).toBe('uninjected');
      expect(carriedOut(bare, decision)).toEqual(never);
    });

    test('is injected anew where the update asks for something else', () => {
      const asked = withAnnotations(bare, { ...injectBackend, 'svidecar.dev/audience': 'other' });
      expect(injected(asked, { before: object })).toEqual(
        injected(deployment({ ...injectBackend, 'svidecar.dev/audience': 'other' })),
      );
    });

    test('is left alone where what was injected has gone as well', () => {
      expect(decideOn(never, { before: object })).toMatchObject({
        kind: 'skipped',
        reason: 'not_requested',
      });
    });

    test('is left alone where nothing tells what it was', () => {
      expect(decideOn(bare)).toMatchObject({ kind: 'skipped', reason: 'not_requested' });
    });
  });

  test('is taken back when it moves to the host network, with a warning', () => {
    const moved = structuredClone(object);
    Object.assign(valueAt(moved, `${template}/spec`) as object, { hostNetwork: true });
    const decision = decideOn(moved, { before: object });
    expect(stepsOf(decision)).toEqual(['host_network', 'uninjected']);
    expect(carriedOut(moved, decision)).toEqual(
      deployment(injectBackend, { ...appWithEnvoy, hostNetwork: true }),
    );
  });

  test.each([['{'], ['[]'], ['{"version":"1"}'], ['"x"']])(
    'with the status %s is refused with a way out',
    (status) => {
      const decision = decideOn(withAnnotations(object, { [statusKey]: status }));
      expect(decision).toMatchObject({ kind: 'refused', code: 'STATUS_INVALID' });
      const message = decision.steps.at(-1)?.message ?? '';
      expect(message).toContain('apply the original manifest again');
      expect(message.match(/Deployment shop\/frontend/g)).toHaveLength(1);
    },
  );

  test('keeps what another injector changed and added inside the helper', () => {
    const mirrored = JSON.parse(
      JSON.stringify(object)
        .replace('"image":"svidecar/helper:0.2.0"', '"image":"mirror.test/helper:0.1.0"')
        .replace('{"name":"POD_NAME"', '{"name":"FOREIGN","value":"1"},{"name":"POD_NAME"'),
    ) as JsonObject;
    expect(mirrored).not.toEqual(object);
    expect(operationsOf(decideOn(mirrored))).toEqual([]);
  });

  test('gives the same object for a changed annotation as a fresh injection', () => {
    const changes = { 'svidecar.dev/log-level': 'debug', 'svidecar.dev/native-sidecar': 'false' };
    expect(injected(withAnnotations(object, changes))).toEqual(
      injected(deployment({ ...injectBackend, ...changes })),
    );
  });
});

describe('a pod of an injected controller', () => {
  test('is left alone', () => {
    const owned = withMetadata(injected(pod(injectBackend)), {
      ownerReferences: madeBy('ReplicaSet'),
    });
    const decision = decideOn(owned, { engine: engineFor({ helper: { image: 'new:1' } }) });
    expect(decision).toMatchObject({ kind: 'unchanged', operations: [] });
    expect(stepsOf(decision)).toContain('controller_owned');
  });

  test('gets what its template awaited', () => {
    const istio = { 'inject.svidecar.dev/templates': 'istio-spire' };
    const first = decideOn(pod(istio));
    expect(stepsOf(first)).toContain('awaits_container');
    const owned = withMetadata(carriedOut(pod(istio), first), {
      ownerReferences: madeBy('ReplicaSet'),
    });
    const proxied = structuredClone(owned);
    const spec = valueAt(proxied, '/spec') as Record<string, unknown>;
    const proxy = {
      name: 'istio-proxy',
      image: 'istio/proxyv2',
      volumeMounts: [
        { name: 'workload-socket', mountPath: '/var/run/secrets/workload-spiffe-uds' },
      ],
    };
    spec['containers'] = [proxy, ...(spec['containers'] as object[])];
    spec['volumes'] = [{ name: 'workload-socket', emptyDir: {} }, ...(spec['volumes'] as object[])];
    const done = injected(proxied);
    expect(valueAt(done, '/spec/volumes/name=workload-socket')).toEqual({
      name: 'workload-socket',
      csi: { driver: 'csi.spiffe.io', readOnly: true },
    });
    expect(operationsOf(decideOn(done))).toEqual([]);
  });
});
