/** What becomes of situations from the field: the whole engine, offline, which is the one that admission uses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { injectTexts, type InjectedTexts } from '../../../../webhook/manifests/inject-texts.ts';
import { engineFor } from '../../../fakes/engine.ts';

const folder = join(import.meta.dirname, '../../../fixtures/field/envoy-reads');

function injected(name: string, change = (text: string): string => text): InjectedTexts {
  const text = change(readFileSync(join(folder, `${name}.yaml`), 'utf8'));
  return injectTexts([{ name: `${name}.yaml`, text }], {
    engine: engineFor(),
    namespace: 'default',
  });
}

interface Outcome {
  /** `ConfigMap/key`, or undefined where it is refused. */
  readonly reads: string | undefined;
  readonly messages: readonly string[];
}

function outcomeOf({ outcomes }: InjectedTexts): Outcome {
  const [outcome] = outcomes;
  if (outcome === undefined) throw new Error('no workload');
  const { decision } = outcome;
  if (decision.kind === 'refused') return { reads: undefined, messages: [decision.message] };
  const envoy = decision.kind === 'injected' ? decision.status.envoy : undefined;
  const warnings = decision.steps.filter(({ level }) => level === 'warning');
  return {
    reads: envoy === undefined ? 'nothing' : `${envoy.source}/${envoy.file}`,
    messages: warnings.map(({ message }) => message),
  };
}

describe('what Envoy reads is found', () => {
  test.each([
    ['envoy-by-its-full-path-in-a-shell', 'edge-conf/envoy.yaml', []],
    ['file-chosen-by-a-sub-path-expression', 'edge-conf/edge.yaml', []],
    ['projected-from-two-configmaps', 'edge-conf/envoy.yaml', []],
    ['bytes-beside-the-text', 'edge-conf/envoy.yaml', []],
    ['template-with-placeholders-in-blocks', 'edge-conf/envoy.yaml.tmpl', []],
    ['relative-path', 'edge-conf/edge.yaml', []],
    ['relative-path-beside-the-usual-file', 'edge-conf/edge.yaml', []],
    ['path-in-a-variable', 'edge-conf/edge.yaml', []],
    ['init-container-that-validates', 'edge-conf/envoy.yaml', []],
    [
      'tini-with-items-and-a-sub-path',
      'edge-conf/edge.conf',
      [/Envoy does not take option and path joined by "=" .*two words/],
    ],
    ['option-and-value-in-one-word', 'edge-conf/envoy.yaml', []],
    ['immutable-json', 'edge-conf/envoy.json', []],
    ['kustomize-name-before', 'edge-conf-aaa1/envoy.yaml', []],
    ['kustomize-name-after', 'edge-conf-bbb2/envoy.yaml', []],
  ] as const)('%s', (name, reads, messages) => {
    const outcome = outcomeOf(injected(name));
    expect(outcome.reads).toBe(reads);
    expect(outcome.messages).toHaveLength(messages.length);
    for (const [index, says] of messages.entries()) expect(outcome.messages[index]).toMatch(says);
  });
});

describe('what is not to be found is refused, with the reason and the way out', () => {
  test.each<[name: string, says: RegExp]>([
    [
      'config-yaml-beside-the-file',
      /--config-yaml adds to the configuration of the file.*move it into the file/,
    ],
    ['config-yaml-alone', /stands in its command line \(--config-yaml\).*put it into a ConfigMap/],
    [
      'configuration-in-a-variable',
      /--config-yaml\) \(ENVOY_YAML comes from key envoy\.yaml of ConfigMap edge-conf\)/,
    ],
    ['configuration-in-a-secret', /is Secret edge-conf.*move the configuration into a ConfigMap/],
    [
      'file-on-a-claim-of-a-statefulset',
      /"conf" is a claim of the StatefulSet's volumeClaimTemplates/,
    ],
    [
      'template-filled-in-by-a-script',
      /"tmp" is an emptyDir, so the file is written while the pod starts.*say svidecar\.dev\/envoy-config: conf\/envoy\.yaml\.tmpl/,
    ],
    [
      'template-filled-in-and-named',
      /envoy\.yaml\.tmpl:4:67: (?:.|\n)*placeholders such as \$\{NAME\}.*quote them/,
    ],
    [
      'entry-script-of-its-own',
      /it runs "\/scripts\/run\.sh".*from the variable ENVOY_CONFIG.*svidecar\.dev\/envoy-config: conf\/edge\.yaml/,
    ],
    [
      'neighbour-that-looks-like-envoy',
      /several containers look like Envoy \(envoy, als\).*svidecar\.dev\/envoy-container/,
    ],
  ])('%s', (name, says) => {
    const outcome = outcomeOf(injected(name));
    expect(outcome.reads).toBeUndefined();
    expect(outcome.messages[0]).toMatch(says);
  });
});

test('a template of Helm is told by its name', () => {
  const text = (config: string): string =>
    config.replace(
      '    static_resources:\n',
      '    {{- if .Values.edge }}\n    static_resources:\n',
    );
  expect(outcomeOf(injected('relative-path', text)).messages[0]).toMatch(
    /template of Helm or Go .*helm template <chart> prints manifests/,
  );
});

describe('copies', () => {
  test('hold the bytes of the source too, and none of its labels', () => {
    const labelled = injected('bytes-beside-the-text', (text) =>
      text.replace(
        'name: edge-conf,',
        'name: edge-conf, labels: {app.kubernetes.io/managed-by: Helm, track: argo},',
      ),
    );
    const copy = labelled.configMaps.find(({ name }) => name.startsWith('edge-conf-svidecar-'));
    expect(copy).toMatchObject({ binaryData: { 'api.pb': 'CgRhYmNk' }, immutable: false });
    expect(copy?.labels).toEqual({ 'app.kubernetes.io/managed-by': 'svidecar' });
    expect(labelled.text.split('api.pb: CgRhYmNk')).toHaveLength(3);
  });

  test('of more than the API server stores are refused', () => {
    const limit = 1_048_576;
    const grown = (bytes: number): InjectedTexts =>
      injected('bytes-beside-the-text', (text) =>
        text.replace('CgRhYmNk', Buffer.alloc(bytes, 1).toString('base64')),
      );
    expect(outcomeOf(grown(limit - 6_000)).reads).toBe('edge-conf/envoy.yaml');
    const outcome = outcomeOf(grown(limit - 2_000));
    expect(outcome.reads).toBeUndefined();
    expect(outcome.messages[0]).toMatch(/has \d+ bytes, and the API server stores at most 1048576/);
  });

  test('of a text in binaryData are text; of other bytes they are refused', () => {
    const asBytes = (encode: (text: string) => Buffer): InjectedTexts =>
      injected('relative-path', (text) => {
        const [, body = ''] = /edge\.yaml: \|\n((?: {4}.*\n)+)/.exec(text) ?? [];
        const plain = body.replaceAll(/^ {4}/gm, '');
        return text
          .replace(body, '')
          .replace(
            'data:\n  edge.yaml: |',
            `binaryData:\n  edge.yaml: ${encode(plain).toString('base64')}`,
          );
      });
    const decoded = asBytes((text) => Buffer.from(text, 'utf8'));
    expect(outcomeOf(decoded).reads).toBe('edge-conf/edge.yaml');
    const copy = decoded.configMaps.find(({ name }) => name.startsWith('edge-conf-svidecar-'));
    expect(copy?.data['edge.yaml']).toContain('svidecar.jwt-validate');
    expect(copy?.binaryData).toBeUndefined();
    const refused = outcomeOf(asBytes((text) => Buffer.from(text, 'utf16le').fill(0xff, 0, 2)));
    expect(refused.messages[0]).toMatch(/edge\.yaml: it is in binaryData and not UTF-8 text/);
  });
});
