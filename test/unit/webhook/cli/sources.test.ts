import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foreignTemplates } from '../../../../webhook/request/foreign-pod-templates.ts';
import { runSvidecar } from '../../../fakes/fake-terminal.ts';
import { manifestReaders } from '../../../fakes/manifest-readers.ts';

const field = join(import.meta.dirname, '../../../fixtures/field');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'svidecar-sources-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('kinds that are not changed', () => {
  const several = join(field, 'kinds-of-other-controllers/several.yaml');
  const told =
    'spec.template carries inject.svidecar.dev/templates; an object of this kind is not changed here: its pods are injected in the cluster, when they are created';

  test('are told of by inject, with where their pods are injected; the text stays', async () => {
    const { code, out, err } = await runSvidecar(['inject', several]);
    expect(code).toBe(0);
    expect(out).not.toContain('auth-helper');
    for (const name of ['1: Rollout', '9: DeploymentConfig', '17: ReplicationController'])
      expect(err).toContain(`${several}:${name} shop/web: warning: ${told}`);
    expect(err).not.toContain('no pod template carries');
  });

  test('are told of with what admission will say of their pods', async () => {
    const { err } = await runSvidecar(['inject', several]);
    expect(err).toContain('its pods would be refused: no container looks like Envoy');
    const fine = join(field, 'kinds-of-other-controllers/replication-controller.yaml');
    expect((await runSvidecar(['inject', fine])).err).not.toContain('refused');
  });

  test.each(['explain', 'diff', 'check'])('are told of by %s', async (command) => {
    const { out, err } = await runSvidecar([command, several]);
    expect(out + err).toContain(told);
  });

  test('are records of explain -o json', async () => {
    const { out } = await runSvidecar(['explain', '-o', 'json', several]);
    expect(JSON.parse(out)).toMatchObject([
      { kind: 'Rollout', name: 'web', decision: 'skipped', reason: 'kind_not_changed' },
      { kind: 'DeploymentConfig' },
      { kind: 'ReplicationController' },
    ]);
  });

  const ours = { 'inject.svidecar.dev/templates': 'spire' };
  test.each([
    [
      'a Knative Service',
      { spec: { template: { metadata: { annotations: ours } } } },
      'spec.template',
    ],
    ['a Workflow', { spec: { podMetadata: { annotations: ours } } }, 'spec.podMetadata'],
    [
      'a list of templates',
      { spec: { replicaSpecs: [{ template: { metadata: { annotations: ours }, spec: {} } }] } },
      'spec.replicaSpecs.0.template',
    ],
  ])('are found in %s', (_, object, path) => {
    expect(foreignTemplates(object).map((found) => found.path)).toEqual([path]);
  });

  test("an object's own annotations are no pod template, and the search is bounded", () => {
    expect(foreignTemplates({ metadata: { annotations: ours } })).toEqual([]);
    let deep: object = { metadata: { annotations: ours } };
    for (let depth = 0; depth < 1000; depth += 1) deep = { deep };
    expect(foreignTemplates({ ...deep })).toEqual([]);
    const wide = Array.from({ length: 60_000 }, () => ({}));
    expect(foreignTemplates({ wide, z: { annotations: ours } })).toEqual([]);
  });
});

describe('what kustomize or Helm makes manifests of', () => {
  test.each([
    ['kustomize-folder', 'kustomize build'],
    ['kustomize-folder/kustomization.yaml', 'kustomize build'],
    ['helm-chart', 'helm template'],
    ['helm-chart/templates', 'helm template'],
    ['helm-chart/templates/web.yaml', 'helm template'],
  ])('%s: the program to run first is named', async (path, program) => {
    for (const command of manifestReaders) {
      const { code, out, err } = await runSvidecar([...command.split(' '), join(field, path)]);
      expect([code, out]).toEqual([2, '']);
      expect(err).toContain(program);
      expect(err).toContain(` | svidecar ${command} - [USAGE]`);
    }
  });

  test('these commands are all that take files', () => {
    const commands = join(import.meta.dirname, '../../../../webhook/cli');
    const texts = readdirSync(commands, { encoding: 'utf8', recursive: true })
      .filter((name) => name.endsWith('.ts') && !name.endsWith('read-inputs.ts'))
      .map((name) => readFileSync(join(commands, name), 'utf8'));
    const calls = texts.join('').matchAll(/\breadInputs\([^)]*?command: ['`](.*?)['`]/g);
    const named = [...calls].map(([, name = '']) => name.replace('${revision}', 'canary'));
    expect(new Set(named)).toEqual(new Set(manifestReaders));
  });

  test('so it is for a folder above them', async () => {
    expect((await runSvidecar(['inject', join(field, 'kustomize-folder/..')])).code).toBe(2);
  });

  test('a patch alone is told to be one', async () => {
    const { err } = await runSvidecar(['inject', join(field, 'kustomize-folder/opt-in.yaml')]);
    expect(err).toContain('there is no pod spec beside it');
    expect(err).toContain('kustomize build');
  });

  test('a kustomization that only lists the files of its folder changes nothing', async () => {
    const plain = join(folder, 'plain');
    mkdirSync(plain);
    writeFileSync(join(plain, 'a.yaml'), 'kind: A\n');
    writeFileSync(join(plain, 'Kustomization'), 'resources: [a.yaml]\n');
    expect((await runSvidecar(['inject', plain])).out).toBe('kind: A\n');
    for (const more of ['resources: [../b]\n', 'resources: [a.yaml]\nnamespace: shop\n', '[\n']) {
      writeFileSync(join(plain, 'Kustomization'), more);
      expect((await runSvidecar(['inject', plain])).code).toBe(2);
    }
  });

  test.each([
    ['that cannot be parsed', '{{- if .Values.enabled }}\nkind: A\n{{- end }}\n'],
    ['that can', 'kind: A\nspec: {replicas: {{ .Values.replicas }}}\n'],
    ['that can, from a pipe', 'kind: A\nimage: {{ .Values.image }}\n'],
  ])('a template %s is told to be one', async (_, stdin) => {
    const { code, err } = await runSvidecar(['inject', '-'], { stdin });
    expect(code).toBe(1);
    expect(err).toContain('helm template');
    expect(err).toContain('[TEXT_UNPARSABLE]');
    expect(err).not.toContain('no pod template carries');
  });

  test.each([
    [
      'braces inside a text',
      'kind: A\ndata:\n  alert: "{{ $labels.pod }}"\n  x: |\n    {{ .Values.x }}\n',
    ],
    ['a broken text without them', 'kind: [\n'],
  ])('%s: nothing of Helm is said', async (_, stdin) => {
    expect((await runSvidecar(['inject', '-'], { stdin })).err).not.toContain('Helm');
  });
});
