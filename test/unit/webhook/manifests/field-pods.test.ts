import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { injectTexts, type InjectedTexts } from '../../../../webhook/manifests/inject-texts.ts';
import { engineFor } from '../../../fakes/engine.ts';

const fixtures = join(import.meta.dirname, '../../../fixtures/field');

/** Inputs from the field through the engine that admission uses, with the ConfigMaps beside them. */
function injectionOf(file: string): InjectedTexts {
  const text = readFileSync(join(fixtures, file), 'utf8');
  return injectTexts([{ name: file, text }], { engine: engineFor(), namespace: 'shop' });
}

function told(injection: InjectedTexts): string {
  return injection.problems.map(({ error }) => `${error.message} [${error.code}]`).join('\n');
}

test.each([
  ['windows-pod/by-os-name.yaml', 'spec.os.name is windows'],
  ['windows-pod/by-node-selector.yaml', 'spec.nodeSelector demands kubernetes.io/os: windows'],
  ['socket-path-taken/in.yaml', 'volumeMounts has volume "scratch" there'],
])('%s is refused: %s', (file, said) => {
  const injection = injectionOf(file);
  expect(told(injection)).toContain(said);
  expect(told(injection)).toContain('[POD_UNFIT]');
  expect(injection.configMaps).toEqual([]);
});

test.each([
  'pod-level-resources/no-room-in-requests.yaml',
  'pod-level-resources/limit-below-the-helpers.yaml',
  'kubectl-debug-copy/in.yaml',
  'ignored-anchors/in.yaml',
  'quoted-scalar-config/in.yaml',
  'optional-configmap/in.yaml',
])('%s is injected, with its copy of the Envoy configuration', (file) => {
  const injection = injectionOf(file);
  expect(told(injection)).toBe('');
  expect(injection.outcomes.map(({ decision }) => decision.kind)).toEqual(['injected']);
  const copy = injection.configMaps.find(({ name }) => name.startsWith('edge-conf-svidecar-'));
  expect(copy?.data['envoy.yaml']).toContain('ext_authz');
});

test('an optional ConfigMap stays optional: what it says of the source is no part of ours', () => {
  const { text } = injectionOf('optional-configmap/in.yaml');
  expect(text).toMatch(/\{name: edge-conf-svidecar-[0-9a-f]+, optional: true\}/);
});

test("a container's own address of the socket is kept, and said to be", () => {
  const injection = injectionOf('socket-address-by-value-from/in.yaml');
  const steps = injection.outcomes.flatMap(({ decision }) => decision.steps);
  expect(steps).toContainEqual(
    expect.objectContaining({
      id: 'user_value_kept',
      message: 'spec.containers[envoy].env[SPIFFE_ENDPOINT_SOCKET] stays as it is',
    }),
  );
  expect(injection.text).toContain('configMapKeyRef: {name: spiffe, key: socket}');
});

test('a label in place of the annotation is told of, and nothing is injected', () => {
  const { outcomes } = injectionOf('label-instead-of-annotation/in.yaml');
  expect(outcomes.map(({ decision }) => decision.kind)).toEqual(['skipped']);
  const warnings = outcomes.flatMap(({ decision }) => decision.steps);
  expect(warnings).toContainEqual(
    expect.objectContaining({ id: 'key_as_label', level: 'warning' }),
  );
});
