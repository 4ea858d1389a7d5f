import { describe, expect, test } from 'vitest';
import { identityOfStored } from '../../../../webhook/desired/workload-identity.ts';
import { decide } from '../../../../webhook/admission/decide.ts';
import { injected } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { appAlone, deployment, injectBackend, madeBy, pod } from '../../../fakes/workloads.ts';
import type { JsonObject } from '#kernel/json.ts';

const engine = engineFor({ registration: 'entries' });

function metadataOf(object: JsonObject, more: JsonObject): JsonObject {
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), ...more } };
}

test('a workload that asks for the helper wishes its identity before it is injected', () => {
  expect(identityOfStored(deployment(injectBackend), engine)).toEqual({
    kind: 'identity',
    identity: {
      spiffeId: 'spiffe://example.org/ns/shop/sa/frontend',
      selectors: ['k8s:container-name:auth-helper', 'k8s:ns:shop', 'k8s:sa:frontend'],
      federatesWith: [],
    },
  });
});

test('one that asks for nothing, or has no helper, wishes none', () => {
  expect(identityOfStored(deployment({}), engine)).toBeUndefined();
  const native = { ...injectBackend, 'svidecar.dev/data-path': 'native' };
  expect(
    identityOfStored(deployment({ 'inject.svidecar.dev/templates': 'spiffe-socket' }), engine),
  ).toBe(undefined);
  const decided = decide(deployment(native), {
    engine,
    checkEnvoy: () => undefined,
    configMapKeys: () => undefined,
    heldConfigMap: () => undefined,
    ignoredNamespaces: new Set(),
    namespace: 'shop',
  });
  const hasHelper = decided.kind === 'injected' && decided.status.helper !== undefined;
  expect(identityOfStored(deployment(native), engine) !== undefined).toBe(hasHelper);
});

test.each([
  ['jwt-ban', false],
  ['jwt-ban, spiffe-socket', false],
  ['jwt-ban, jwt-validate', true],
])('a helper for %s wishes an identity: %s, injected or not yet', (templates, wishes) => {
  const asking = deployment({ 'inject.svidecar.dev/templates': templates });
  const pod = injected(asking, { engine });
  for (const object of [asking, pod])
    expect(identityOfStored(object, engine) !== undefined).toBe(wishes);
});

test('what a later version wrote for a helper that bans is not taken for one that needs no identity', () => {
  const asking = deployment({ 'inject.svidecar.dev/templates': 'jwt-ban' });
  const later = JSON.stringify(injected(asking, { engine })).replaceAll(
    /(mode[\\": ]+)ban/g,
    '$1bans',
  );
  // What was JSON still is.
  expect(identityOfStored(JSON.parse(later) as JsonObject, engine)).toMatchObject({
    kind: 'identity',
  });
});

test('of what a controller makes only pods count: one that runs keeps its identity', () => {
  const replicaSet = { ...deployment(injectBackend), kind: 'ReplicaSet' };
  const owned = metadataOf(replicaSet, { ownerReferences: madeBy('Deployment') });
  expect(identityOfStored(owned, engine)).toBeUndefined();
  const rollouts = metadataOf(replicaSet, { ownerReferences: madeBy('Rollout') });
  expect(identityOfStored(rollouts, engine)).toMatchObject({ kind: 'identity' });
  const ownedPod = metadataOf(pod(injectBackend), { ownerReferences: madeBy('ReplicaSet') });
  expect(identityOfStored(ownedPod, engine)).toMatchObject({ kind: 'identity' });
});

test('on the network of its node nothing is injected, so nothing is registered', () => {
  const spec = { hostNetwork: true, containers: [{ name: 'app', image: 'a' }] };
  expect(identityOfStored(deployment(injectBackend, spec), engine)).toBeUndefined();
});

test.each([
  { 'svidecar.dev/spiffe-id': 'spiffe://example.org/ns/bank/sa/vault' },
  { 'svidecar.dev/trust-domain': 'other.org' },
])('a workload does not choose who it is by %j, unless the configuration lets it', (chosen) => {
  const asking = deployment({ ...injectBackend, ...chosen });
  const wish = identityOfStored(asking, engine);
  expect(wish).toMatchObject({ kind: 'refused' });
  expect(JSON.stringify(wish)).toContain(Object.keys(chosen)[0]);
  const allowing = engineFor({
    registration: 'entries',
    entries: { allowSpiffeIdAnnotation: true },
  });
  expect(identityOfStored(asking, allowing)).toMatchObject({ kind: 'identity' });
});

test('an annotation that names what it is anyway is no choice', () => {
  const same = { 'svidecar.dev/spiffe-id': 'spiffe://example.org/ns/shop/sa/frontend' };
  expect(identityOfStored(deployment({ ...injectBackend, ...same }), engine)).toMatchObject({
    kind: 'identity',
  });
});

test('what cannot be read is unclear, not nothing', () => {
  const broken = deployment({ ...injectBackend, 'svidecar.dev/audience': 'a b' });
  expect(identityOfStored(broken, engine)).toMatchObject({ kind: 'unclear' });
  const damaged = deployment({ ...injectBackend, 'svidecar.dev/status': '{' });
  expect(identityOfStored(damaged, engine)).toMatchObject({ kind: 'unclear' });
});

test('labels and the image select where the configuration says so', () => {
  const narrow = engineFor({
    registration: 'entries',
    entries: { podLabels: ['app'], selectImage: true },
  });
  expect(identityOfStored(deployment(injectBackend), narrow)).toMatchObject({
    identity: {
      selectors: [
        'k8s:container-image:docker.io/svidecar/helper:0.2.0',
        'k8s:container-name:auth-helper',
        'k8s:ns:shop',
        'k8s:pod-label:app:frontend',
        'k8s:sa:frontend',
      ],
    },
  });
});

test('without a label by which entries select, others would meet its entry: nothing is registered', () => {
  const entries = { podLabels: ['app', 'team'] };
  const narrow = engineFor({ registration: 'entries', entries });
  const wish = identityOfStored(deployment(injectBackend), narrow);
  expect(wish).toMatchObject({ kind: 'refused' });
  expect(JSON.stringify(wish)).toMatch(/the label team, .*add the label, or take team out of/);
  expect(identityOfStored(deployment({}), narrow)).toBeUndefined();
  const byController = engineFor({ registration: 'clusterspiffeid', entries });
  expect(identityOfStored(deployment(injectBackend), byController)).toMatchObject({
    kind: 'identity',
    identity: { selectors: ['k8s:container-name:auth-helper', 'k8s:ns:shop', 'k8s:sa:frontend'] },
  });
});

describe("Istio's proxy with SPIRE's socket", () => {
  const istio = { 'inject.svidecar.dev/templates': 'istio-spire' };
  const app = { serviceAccountName: 'frontend', ...appAlone };
  const proxy = {
    spiffeId: 'spiffe://example.org/ns/shop/sa/frontend',
    selectors: ['k8s:container-name:istio-proxy', 'k8s:ns:shop', 'k8s:sa:frontend'],
    federatesWith: [],
    wantsCertificate: true,
  };

  test('has the identity that Istio takes, injected or not yet, alone or beside a helper', () => {
    const asking = deployment(istio, app);
    for (const object of [asking, injected(asking, { engine })])
      expect(identityOfStored(object, engine)).toEqual({ kind: 'identity', identity: proxy });
    const both = { ...istio, 'inject.svidecar.dev/templates': 'istio-spire, jwt-validate' };
    const wish = identityOfStored(deployment(both, app), engine);
    expect(wish).toMatchObject({ identity: { spiffeId: proxy.spiffeId }, envoy: proxy });
  });

  test('has none where another registers, where Istio is told no, and without the socket', () => {
    const asking = deployment(istio, app);
    for (const registration of ['none', 'clusterspiffeid'] as const)
      expect(identityOfStored(asking, engineFor({ registration }))).toBeUndefined();
    const told = deployment({ ...istio, 'sidecar.istio.io/inject': 'false' }, app);
    expect(identityOfStored(told, engine)).toBeUndefined();
    const without = { 'inject.svidecar.dev/templates': 'spiffe-socket' };
    expect(identityOfStored(deployment(without, app), engine)).toBeUndefined();
  });
});
