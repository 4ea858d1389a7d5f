import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { DecisionContext } from '../../../../webhook/admission/decide.ts';
import { decideAll } from '../../../../webhook/manifests/decide-all.ts';
import { readManifest } from '../../../../webhook/manifests/manifest.ts';
import { helperData } from '../../../../webhook/injection/compose.ts';
import { statusOf, type Status } from '../../../../webhook/injection/status.ts';
import { decideOn, injected, withAnnotations } from '../../../fakes/admission.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { deployment, injectBackend, madeBy, pod } from '../../../fakes/workloads.ts';

const evil = { 'helper.yaml': 'skipPaths: ["/*"]' };

function statusIn(object: JsonObject): Status {
  const status = statusOf(object);
  if (status === undefined) throw new TypeError('it carries no status');
  return status;
}

const done = statusIn(injected(pod(injectBackend)));
const helper = done.helper?.configMap ?? '';
const copy = done.envoy?.derived ?? '';
const right = helperData(done.helper?.settings ?? '');

/** Something under one name, and nothing under any other. */
function holding(
  held: string,
  isManaged: boolean,
  data: Readonly<Record<string, string>>,
): Pick<DecisionContext, 'heldConfigMap'> {
  const holds = (wanted: unknown): boolean => JSON.stringify(wanted) === JSON.stringify(data);
  return {
    heldConfigMap: (namespace, name) =>
      namespace === 'shop' && name === held ? { isManaged, holds } : undefined,
  };
}

const taken = { kind: 'refused', code: 'CONFIGMAP_TAKEN' };
const owned = (object: JsonObject): JsonObject => {
  const metadata = { ...(object['metadata'] as JsonObject), ownerReferences: madeBy('ReplicaSet') };
  return { ...object, metadata };
};
const asked = pod(injectBackend);
const starting: readonly (readonly [string, JsonObject])[] = [
  ['a pod that asks', asked],
  ['a pod that a controller made and that asks', owned(asked)],
  ['a pod of an injected template', owned(injected(asked))],
  ['an injected pod that is stored anew', injected(asked)],
];

describe('a pod does not start with what is not its own', () => {
  test.each(starting)("%s: somebody else's settings", (_name, object) => {
    const decision = decideOn(object, holding(helper, false, evil));
    expect(decision).toMatchObject(taken);
    expect(decision).toHaveProperty('message', expect.stringContaining(`shop/${helper}`));
    expect(decision).toHaveProperty('message', expect.stringContaining('delete or rename it'));
    expect(JSON.stringify(decision)).not.toContain('skipPaths');
  });

  test.each(starting)('%s: settings of ours that somebody changed', (_name, object) => {
    const decision = decideOn(object, holding(helper, true, evil));
    expect(decision).toMatchObject(taken);
    expect(decision).toHaveProperty('message', expect.stringContaining('try again'));
  });

  test.each(starting)('%s: a copy of the Envoy configuration that is not ours', (_name, object) => {
    expect(decideOn(object, holding(copy, false, right))).toMatchObject(taken);
  });

  test.each(starting)('%s: its own settings, and a copy of ours, are let in', (_name, object) => {
    for (const there of [
      holding(helper, true, right),
      holding(helper, false, right),
      holding(copy, true, {}),
    ])
      expect(decideOn(object, there).kind).not.toBe('refused');
  });

  test('a pod that is there is not refused an update', () => {
    const before = injected(asked);
    const labelled = withAnnotations(before, { team: 'a' });
    const changes = { ...holding(helper, false, evil), before };
    expect(decideOn(labelled, changes).kind).not.toBe('refused');
  });

  test('settings under a short name from before 0.1.0: a restart is advised', () => {
    const short = helper.slice(0, -22);
    const text = JSON.stringify(injected(asked)).replaceAll(helper, short);
    const old = owned(JSON.parse(text) as JsonObject);
    const decision = decideOn(old, holding(short, true, evil));
    expect(decision).toMatchObject(taken);
    expect(decision).toHaveProperty('message', expect.stringContaining('rollout restart'));
  });
});

describe('a workload', () => {
  const object = deployment(injectBackend);
  const configMap = statusIn((injected(object)['spec'] as { template: JsonObject }).template).helper
    ?.configMap;

  test("is refused when it is injected to mount somebody else's", () => {
    expect(decideOn(object, holding(configMap ?? '', false, evil))).toMatchObject(taken);
  });

  test('is let in where the ConfigMap is ours: only then is that put right', () => {
    expect(decideOn(object, holding(configMap ?? '', true, evil)).kind).toBe('injected');
  });

  test('is not refused what does not concern its pods', () => {
    const before = injected(object);
    const scaled = { ...before, spec: { ...(before['spec'] as JsonObject), replicas: 5 } };
    const there = holding(configMap ?? '', false, evil);
    expect(decideOn(scaled, { ...there, before }).kind).toBe('unchanged');
  });
});

describe('the ConfigMaps of an input count as those of the cluster', () => {
  const decided = (labels: JsonObject, data: JsonObject): unknown => {
    const metadata = { name: helper, namespace: 'shop', labels };
    const there = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    const text = [asked, there].map((each) => JSON.stringify(each)).join('\n---\n');
    const documents = readManifest({ name: 'in.yaml', text });
    return decideAll(documents, { engine: engineFor(), namespace: 'shop' })[0]?.decision;
  };

  test('other settings are refused, the right ones are not', () => {
    const ours = { 'app.kubernetes.io/managed-by': 'svidecar' };
    expect(decided({}, evil)).toMatchObject(taken);
    expect(decided(ours, evil)).toMatchObject(taken);
    expect(decided({}, right)).toMatchObject({ kind: 'injected' });
    expect(decided(ours, right)).toMatchObject({ kind: 'injected' });
  });
});
