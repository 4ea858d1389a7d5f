import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { resemblesOurs } from '../../../../webhook/request/stray-keys.ts';
import { decideOn } from '../../../fakes/admission.ts';
import { deployment, madeBy, pod } from '../../../fakes/workloads.ts';

function warningsOf(object: JsonObject): readonly string[] {
  return decideOn(object)
    .steps.filter(({ level }) => level === 'warning')
    .map(({ id, message }) => `${id}: ${message}`);
}

function withMetadata(object: JsonObject, metadata: JsonObject): JsonObject {
  return { ...object, metadata: { ...(object['metadata'] as JsonObject), ...metadata } };
}

const label = { labels: { 'inject.svidecar.dev/templates': 'jwt-validate' } };

describe('a key of ours as a label', () => {
  test('of a workload is told of with where it belongs', () => {
    expect(warningsOf(withMetadata(deployment({}), label))).toEqual([
      "key_as_label: inject.svidecar.dev/templates is a label of the Deployment's own metadata, where it has no effect; make it an annotation, in spec.template.metadata.annotations",
    ]);
  });

  test('that is the label of a revision, in other letters, is told of as a label', () => {
    const labels = { 'svidecar.dev/Revision': 'canary' };
    expect(warningsOf(withMetadata(pod({}), { labels }))).toEqual([
      'key_as_label: svidecar.dev/Revision is a label of the Pod, where it has no effect; the label is svidecar.dev/revision, all in lower case',
    ]);
  });

  test('of a Pod too, but not of one that a controller made', () => {
    const own = withMetadata(pod({}), label);
    expect(warningsOf(own)).toEqual([
      'key_as_label: inject.svidecar.dev/templates is a label of the Pod, where it has no effect; make it an annotation, in metadata.annotations',
    ]);
    expect(warningsOf(withMetadata(own, { ownerReferences: madeBy('ReplicaSet') }))).toEqual([]);
  });

  test("the Namespace's own is told of as that", () => {
    const labels = { 'svidecar.dev/injection': 'enabled' };
    expect(warningsOf(withMetadata(deployment({}), { labels }))[0]).toContain(
      'belongs on the Namespace',
    );
  });

  test('what we write ourselves is none', () => {
    const labels = { 'svidecar.dev/injected': 'true', 'svidecar.dev/revision': 'canary' };
    expect(warningsOf(withMetadata(pod({}), { labels }))).toEqual([]);
  });
});

test('a key that is nearly ours is told of with the one that was meant', () => {
  expect(warningsOf(deployment({ 'svidecar.io/audience': 'a' }))).toEqual([
    'key_unknown: svidecar.io/audience on the pod template is not a key of svidecar and has no effect; did you mean the annotation svidecar.dev/audience?',
  ]);
  expect(warningsOf(deployment({ 'inject.svidecar.com/template': 'a' }))[0]).toContain(
    'did you mean the annotation inject.svidecar.dev/templates?',
  );
});

test.each([
  ['svidecar/inject', true],
  ['svidecar.io/templates', true],
  ['inject.svidecar.io/templates', true],
  ['injct.svidecar.dev/templates', true],
  ['svdecar.dev/inject', true],
  ['svidecar-inject', true],
  ['svidecar.dev/anything', false],
  ['sidecar.istio.io/inject', false],
  ['app', false],
  ['team.example.org/svidecar', false],
  ['app.kubernetes.io/managed-by', false],
  [`${'s'.repeat(200_000)}/x`, false],
])('whether %s resembles ours: %s', (key, expected) => {
  expect(resemblesOurs(key)).toBe(expected);
});
