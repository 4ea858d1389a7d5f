/** Names that users choose, taken from what every object has: each is a name like others, or refused, and never found where nobody wrote it. */
import { describe, expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { injectTexts, type Injection } from '../../../../webhook/cli/inject-texts.ts';
import { uninjectTexts } from '../../../../webhook/cli/uninject-texts.ts';
import { patchEnvoy } from '../../../../webhook/envoy/patch-envoy.ts';
import { engineFor } from '../../../fakes/engine.ts';
import { inject } from '../../../golden/envoy/cases.ts';

const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
const options = { engine: engineFor(), namespace: 'shop' };

const managerType =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router =
  '{name: router, typed_config: {"@type": x/envoy.extensions.filters.http.router.v3.Router}}';
const bootstrap = `static_resources:
  listeners:
  - {name: web, filter_chains: [{filters: [{name: hcm, typed_config: {"@type": ${managerType}, http_filters: [${router}]}}]}]}
  clusters: []
`;

function podOf(place: { readonly [key: string]: string }): string {
  const {
    annotation = 'a',
    label = 'b',
    container = 'app',
    volume = 'v',
    template = 'jwt-inject',
  } = place;
  return `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web, ${label}: x}
      annotations:
        ${annotation}: "1"
        inject.svidecar.dev/templates: ${template}
        svidecar.dev/inject-audience: ledger
    spec:
      containers:
      - {name: ${container}, image: app, volumeMounts: [{name: ${volume}, mountPath: /x}]}
      - {name: envoy, image: envoyproxy/envoy:v1.40.0, args: [-c, /etc/envoy/envoy.yaml], volumeMounts: [{name: conf, mountPath: /etc/envoy}]}
      volumes:
      - {name: conf, configMap: {name: conf}}
      - {name: ${volume}, emptyDir: {}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data:
  envoy.yaml: |
${bootstrap.replaceAll(/^/gm, '    ').trimEnd()}
`;
}

function injected(text: string): Injection {
  return injectTexts([{ name: 'a.yaml', text }], options);
}

test('the pod that the names are put into is injected', () => {
  expect(injected(podOf({})).outcomes.map(({ decision }) => decision.kind)).toEqual(['injected']);
});

describe.each(names)('%s', (name) => {
  test.each(['annotation', 'label', 'container', 'volume'])('as a %s', (place) => {
    const text = podOf({ [place]: name });
    const { text: out, outcomes, problems } = injected(text);
    expect(problems.map(({ error }) => error.message)).toEqual([]);
    expect(outcomes.map(({ decision }) => decision.kind)).toEqual(['injected']);
    expect(out).toContain(name);
    expect(uninjectTexts([{ name: 'a.yaml', text: out }], 'shop').text).toBe(text);
  });

  test('as a template, which there is none of', () => {
    const { problems } = injected(podOf({ template: name }));
    expect(problems.map(({ error }) => error.code)).toEqual(['TEMPLATE_UNKNOWN']);
  });

  test('as the key of an Envoy configuration, where there is none', () => {
    const patch = (): unknown =>
      patchEnvoy({ name: 'ConfigMap a/b', files: { 'envoy.yaml': bootstrap }, main: name }, inject);
    expect(patch).toThrow(AppError);
    expect(patch).toThrow(`ConfigMap a/b has no key ${name}`);
  });

  test('as the key of an Envoy configuration that is there', () => {
    const files = Object.fromEntries([[name, bootstrap]]);
    const { files: out, insertions } = patchEnvoy(
      { name: 'ConfigMap a/b', files, main: name },
      inject,
    );
    expect(Object.keys(out)).toEqual([name]);
    expect(out[name]).toContain('svidecar.jwt-inject');
    expect(Object.keys(insertions)).toEqual([name]);
  });

  test('as the name of a listener', () => {
    const files = { 'envoy.yaml': bootstrap.replace('name: web', `name: ${name}`) };
    const { changes } = patchEnvoy({ name: 'ConfigMap a/b', files, main: 'envoy.yaml' }, inject);
    expect(changes.some(({ message }) => message.includes(`"${name}"`))).toBe(true);
  });
});
