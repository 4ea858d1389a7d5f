import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { injectTexts } from '../../../../webhook/manifests/inject-texts.ts';
import { checkConfig } from '../../../../webhook/request/injector-config.ts';
import { engineFor } from '../../../fakes/engine.ts';

const file = '../../../fixtures/field/policy-on-configmap-labels/in.yaml';
const text = readFileSync(join(import.meta.dirname, file), 'utf8');

function configMapsWith(configMaps: unknown): ReturnType<typeof injectTexts>['configMaps'] {
  const engine = engineFor({ configMaps });
  return injectTexts([{ name: 'in', text }], { engine, namespace: 'shop' }).configMaps;
}

test("the configuration's labels and annotations are on every ConfigMap, with ours, and change no name", () => {
  const plain = configMapsWith({});
  const marked = configMapsWith({
    labels: { team: 'a' },
    annotations: { 'example.org/note': 'x y' },
  });
  expect(marked.map(({ name }) => name)).toEqual(plain.map(({ name }) => name));
  expect(marked).toHaveLength(2);
  for (const { labels, annotations } of marked) {
    expect(labels).toEqual({ team: 'a', 'app.kubernetes.io/managed-by': 'svidecar' });
    expect(annotations).toMatchObject({ 'example.org/note': 'x y' });
  }
  expect(marked.some(({ annotations }) => annotations['svidecar.dev/source'] === 'edge-conf')).toBe(
    true,
  );
});

test.each<[string, unknown, string]>([
  ['a value with a space', { labels: { team: 'a b' } }, 'labels'],
  ['a value that is too long', { labels: { team: 'a'.repeat(64) } }, 'at most 63'],
  ['a number', { labels: { team: 1 } }, 'labels'],
  ['a key that is none', { labels: { 'te am': 'a' } }, 'is not a valid Kubernetes key'],
  ['a key with an empty prefix', { labels: { '/team': 'a' } }, 'is not a valid Kubernetes key'],
  [
    'a key that is too long',
    { annotations: { ['a'.repeat(64)]: '' } },
    'is not a valid Kubernetes key',
  ],
  ['our mark', { labels: { 'app.kubernetes.io/managed-by': 'me' } }, 'svidecar sets itself'],
  ['a key of ours', { annotations: { 'svidecar.dev/source': 'x' } }, 'svidecar sets itself'],
  ['too much', { annotations: { a: 'x'.repeat(65_536) } }, 'at most 64 KiB'],
])('%s is refused', (_, configMaps, said) => {
  expect(() => checkConfig({ configMaps }, 'config.yaml')).toThrow(said);
});

test.each<[string, unknown]>([
  ['an empty value', { labels: { team: '' } }],
  ['a key with a prefix', { labels: { 'cost.example.org/Centre_1.a': 'A-1' } }],
])('%s is taken', (_, configMaps) => {
  expect(checkConfig({ configMaps }, 'config.yaml').configMaps).toMatchObject({
    ...(configMaps as object),
  });
});

test.each<[string, unknown]>([
  ['a CSI driver that is no name', { csiDriver: 'Spiffe io' }],
  ['a CSI driver that is too long', { csiDriver: 'a'.repeat(64) }],
  ['a path of the node that goes up', { hostPath: '/run/../etc' }],
  ['a mount path with a colon', { mountPath: '/a:b' }],
  ["the helper's own folder", { mountPath: '/etc/svidecar' }],
  ["a folder in the helper's own", { mountPath: '/etc/svidecar/socket' }],
  ["a folder that holds the helper's own", { mountPath: '/etc' }],
  ['a file in a folder', { file: 'a/b.sock' }],
])('%s, which no pod could have, is refused when the configuration is read', (_, socket) => {
  expect(() => checkConfig({ socket }, 'config.yaml')).toThrow('socket.');
});
