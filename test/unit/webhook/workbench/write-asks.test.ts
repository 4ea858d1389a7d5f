import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readManifest } from '../../../../webhook/manifests/manifest.ts';
import { asksIn } from '../../../../webhook/workbench/asks.ts';
import {
  writeAnnotations,
  writeNamespaceLabel,
  type WantedMembers,
} from '../../../../webhook/workbench/write-asks.ts';
import type { WorkloadPlace } from '../../../../webhook/workbench/workbench-model.ts';
import { engineFor } from '../../../fakes/engine.ts';

const bare = `# ours
apiVersion: apps/v1
kind: Deployment   # a comment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: app, image: "app:1"}]
`;
const templates = 'inject.svidecar.dev/templates';

function placesIn(text: string): readonly WorkloadPlace[] {
  const documents = readManifest({ name: 'a.yaml', text });
  return asksIn(documents, { engine: engineFor(), namespace: 'default' }).map(({ place }) => place);
}

function written(text: string, wanted: WantedMembers, at = 0): string {
  const place = placesIn(text)[at];
  if (place === undefined) throw new TypeError('there is no workload');
  return writeAnnotations({ name: 'a.yaml', text }, place, wanted) ?? 'the place is gone';
}

describe('annotations are written into the text', () => {
  test.each([
    [undefined, true, 'b'],
    ['a', true, 'a, b'],
    ['b,a', true, 'a, b'],
    [' a ,, b', false, 'a'],
    ['b', false, undefined],
    [undefined, false, undefined],
  ])('a name of a list beside the others: %s', (there, isWanted, told) => {
    const before = there === undefined ? bare : written(bare, { [templates]: there });
    const after = written(before, { [templates]: { name: 'b', isWanted } });
    const line = /templates: "?([^"\n]*)/.exec(after)?.[1];
    expect(line).toBe(told);
  });

  test('where there are none, and taken out again', () => {
    const once = written(bare, { [templates]: 'jwt-inject', 'svidecar.dev/access-log': 'true' });
    expect(once).toBe(`# ours
apiVersion: apps/v1
kind: Deployment   # a comment
metadata: {name: web, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: app, image: "app:1"}]
    metadata:
      annotations:
        inject.svidecar.dev/templates: jwt-inject
        svidecar.dev/access-log: "true"
`);
    const twice = written(once, { 'svidecar.dev/access-log': undefined });
    expect(twice).toBe(once.replace('        svidecar.dev/access-log: "true"\n', ''));
  });

  test('of the second document alone, and of an item of a List', () => {
    const two = `${bare}---\n${bare}`;
    expect(written(two, { [templates]: 'spire-socket' }, 1)).toBe(
      `${bare}---\n${written(bare, { [templates]: 'spire-socket' })}`,
    );
    const list = `apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Pod
    metadata:
      name: a
      annotations: {other: "1"}
    spec: {containers: []}
`;
    expect(written(list, { [templates]: 'spire-socket' })).toBe(
      list.replace('{other: "1"}', '{other: "1", inject.svidecar.dev/templates: spire-socket}'),
    );
  });

  test('of one of several items whose pod templates are at the same place', () => {
    const item = (name: string, more = ''): string => `  - apiVersion: apps/v1
    kind: Deployment
    metadata: {name: ${name}}
    spec:
      template:
        metadata:
          annotations:
            other: "1"
${more}        spec: {containers: []}
`;
    const list = (more = ''): string => `kind: List\nitems:\n${item('a')}${item('b', more)}`;
    const added = `            ${templates}: spire-socket\n`;
    expect(written(list(), { [templates]: 'spire-socket' }, 1)).toBe(list(added));
  });

  test('a key that is not there is not taken out, and what stands already is not written', () => {
    expect(written(bare, { [templates]: undefined })).toBe(bare);
    const once = written(bare, { [templates]: 'a' });
    expect(written(once, { [templates]: 'a' })).toBe(once);
    expect(written(once, { 'svidecar.dev/access-log': undefined })).toBe(once);
  });

  test.each(['metadata:', 'metadata: {annotations: }', 'metadata: {annotations: null}'])(
    'in place of nothing: %s',
    (there) => {
      const text = bare.replace('    spec:', `    ${there}\n    spec:`);
      expect(parse(written(text, { [templates]: 'a' }))).toMatchObject({
        spec: { template: { metadata: { annotations: { [templates]: 'a' } } } },
      });
    },
  );

  test('a place that is gone is told', () => {
    const [place] = placesIn(bare);
    if (place === undefined) throw new TypeError('there is no workload');
    expect(writeAnnotations({ name: 'a.yaml', text: 'a: 1\n' }, place, { x: 'y' })).toBeUndefined();
  });

  test('what cannot be edited is refused with its line', () => {
    const shared = bare.replace('    spec:', '    metadata: {annotations: &a {}}\n    spec:');
    const aliased = `${shared}other: *a\n`;
    expect(() => written(aliased, { [templates]: 'x' })).toThrow(/a\.yaml:/);
  });
});

describe("a namespace's label", () => {
  const key = 'svidecar.dev/injection';
  const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n';

  test('is written on the Namespace that is there', () => {
    const text = writeNamespaceLabel({ name: 'a', text: namespace }, 'shop', 'enabled');
    expect(text).toBe(`${namespace}  labels:\n    ${key}: enabled\n`);
    expect(writeNamespaceLabel({ name: 'a', text }, 'shop', 'pod')).toBe(
      text.replace('enabled', 'pod'),
    );
  });

  test('is not written on what only has its name, nor on another Namespace', () => {
    const app = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: shop\n';
    const other = namespace.replace('shop', 'bank');
    const text = `${app}---\n${other}---\n${namespace}`;
    expect(writeNamespaceLabel({ name: 'a', text }, 'shop', 'enabled')).toBe(
      `${text}  labels:\n    ${key}: enabled\n`,
    );
  });

  test.each([
    ['', ''],
    ['\n', '\n'],
    ['kind: A', 'kind: A\n---\n'],
  ])('with it a Namespace comes after %j as a document of its own', (text, before) => {
    expect(writeNamespaceLabel({ name: 'a', text }, 'shop', 'enabled')).toBe(
      `${before}${namespace}  labels:\n    ${key}: enabled\n`,
    );
  });

  test('comes with a Namespace where there is none', () => {
    const text = writeNamespaceLabel({ name: 'a', text: bare }, 'shop', 'enabled');
    expect(text).toBe(`${bare}---\n${namespace}  labels:\n    ${key}: enabled\n`);
    expect(writeNamespaceLabel({ name: 'a', text: bare }, 'shop', undefined)).toBe(bare);
  });
});
