/** Names that users choose, taken from what every object has: each is a name like others, or refused, and never found where nobody wrote it. */
import { describe, expect, test } from 'vitest';
import { AppError } from '#kernel/errors.ts';
import { isObject, objectAt, type JsonObject } from '#kernel/json.ts';
import { injectTexts, type InjectedTexts } from '../../../webhook/manifests/inject-texts.ts';
import { uninjectTexts } from '../../../webhook/manifests/uninject-texts.ts';
import { parseText } from '../../../webhook/editing/parse-text.ts';
import { judgeFilter } from '../../../webhook/envoy/judge-filter.ts';
import { patchEnvoy } from '../../../webhook/envoy/patch-envoy.ts';
import { openFiles } from '../../../webhook/envoy/config-file.ts';
import { choicesIn } from '../../../webhook/envoy/route-choices.ts';
import { settingsIn } from '../../../webhook/envoy/route-settings.ts';
import { decideOn, injected as carried } from '../../fakes/admission.ts';
import { factsWith, findingsOf } from '../../fakes/check-facts.ts';
import { engineFor } from '../../fakes/engine.ts';
import { appAlone, deployment, injectBackend } from '../../fakes/workloads.ts';
import { inject, injectFilter } from '../../golden/envoy/cases.ts';

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

/** An object with one member, whatever its name. */
function member(name: string, value: unknown): JsonObject {
  // Values of tests are JSON.
  return Object.fromEntries([[name, value]]) as JsonObject;
}

/** What a route sets for a filter that runs others: a terminal one. */
const chosenRouter = {
  '@type': 'x/envoy.extensions.filters.http.composite.v3.CompositePerRoute',
  matcher: {
    on_no_match: {
      action: {
        name: 'a',
        typed_config: {
          '@type': 'x/envoy.extensions.filters.http.composite.v3.ExecuteFilterAction',
          typed_config: {
            name: 'router',
            typed_config: { '@type': 'x/envoy.extensions.filters.http.router.v3.Router' },
          },
        },
      },
    },
  },
};

/** The node's metadata in a patched configuration. */
function patchedBootstrap(text: string | undefined): unknown {
  const [value] = parseText(text ?? '', 'envoy.yaml');
  return isObject(value) ? objectAt(value, 'node')['metadata'] : undefined;
}

function injected(text: string): InjectedTexts {
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

  test('as the name of a cluster that the Envoy configuration has', () => {
    const files = {
      'envoy.yaml': bootstrap.replace('clusters: []', `clusters: [{name: ${name}}]`),
    };
    const { changes } = patchEnvoy({ name: 'ConfigMap a/b', files, main: 'envoy.yaml' }, inject);
    expect(changes.map(({ message }) => message)).toContain('added cluster ext-authz');
  });

  test('as the name of a rule, a filter and a cluster that a template adds', () => {
    const filter = { ...injectFilter.filter, name };
    const cluster = { name: `\${cluster:${name}}`, type: 'STATIC' };
    const additions = {
      filters: [{ ...injectFilter, rule: name, filter }],
      clusters: [{ name, cluster }, ...inject.clusters],
    };
    const { files, changes } = patchEnvoy(
      { name: 'ConfigMap a/b', files: { 'envoy.yaml': bootstrap }, main: 'envoy.yaml' },
      additions,
    );
    expect(changes.map(({ message }) => message)).toContain(`added cluster ${name}`);
    expect(files['envoy.yaml']).toContain(`name: ${name}`);
  });

  test('as a member of the bootstrap that templates add, and complete', () => {
    const one = { values: { node: { metadata: member(name, { a: 1 }) } } };
    const other = { values: { node: { metadata: member(name, { b: 2 }) } } };
    const { files } = patchEnvoy(
      { name: 'ConfigMap a/b', files: { 'envoy.yaml': bootstrap }, main: 'envoy.yaml' },
      { ...inject, bootstrap: [one, other] },
    );
    expect(patchedBootstrap(files['envoy.yaml'])).toEqual(member(name, { a: 1, b: 2 }));
  });

  test('as a filter that runs others, whose choice no route makes', () => {
    const type = 'x/envoy.extensions.filters.http.composite.v3.Composite';
    const filter = { message: { name, typed_config: { '@type': type } }, path: '' };
    const file = openFiles({ name: 'a', files: { 'envoy.yaml': '{}' }, main: 'envoy.yaml' }).main;
    const routes = (settings: JsonObject) => {
      const message = { routes: [{ typed_per_filter_config: settings }] };
      return [{ choices: choicesIn(settingsIn({ message, path: '', file })) }];
    };
    expect(judgeFilter(filter, routes({}))).toEqual(
      judgeFilter({ ...filter, message: { ...filter.message, name: 'mine' } }, routes({})),
    );
    expect(judgeFilter(filter, routes(member(name, chosenRouter)))[0]).toMatchObject({
      effect: 'elsewhere',
    });
  });

  test('as the name of a template of the administrator', () => {
    const fragments = [{ pod: { spec: { hostname: 'h' } } }];
    const templates = member(name, { description: 'x', fragments });
    if (/[^a-z]/.test(name)) {
      expect(() => engineFor({ templates })).toThrow(name);
      return;
    }
    const object = deployment({ 'inject.svidecar.dev/templates': name }, appAlone);
    const decision = decideOn(object, { engine: engineFor({ templates }) });
    expect(decision).toMatchObject({ kind: 'injected', status: { templates: [name] } });
  });

  test('as label, annotation and node label that a template of the administrator adds', () => {
    const named = member(name, 'x');
    const pod = {
      metadata: { labels: named, annotations: named },
      spec: { nodeSelector: named, volumes: [{ name, emptyDir: {} }] },
    };
    const own = { description: 'x', fragments: [{ pod }] };
    if (name === '__proto__') {
      const where = 'at templates.own.fragments.0.pod.metadata.labels would be lost';
      expect(() => engineFor({ templates: { own } })).toThrow(where);
      return;
    }
    const engine = engineFor({ templates: { own } });
    const object = deployment({ 'inject.svidecar.dev/templates': 'own' }, appAlone);
    expect(carried(object, { engine })).toMatchObject({ spec: { template: pod } });
  });

  test('as the header that carries the caller, or as a host with an audience', () => {
    const annotations = {
      'inject.svidecar.dev/templates': 'jwt-validate,jwt-inject',
      'svidecar.dev/validate-audience': name,
      'svidecar.dev/caller-header': name,
      'svidecar.dev/audience-by-host': `${name.replaceAll('_', '').toLowerCase()}=${name}`,
    };
    const decision = decideOn(deployment(annotations, appAlone), { engine: engineFor() });
    // The app has no Envoy: that is refused, and nothing before it.
    expect(decision).toMatchObject({ kind: 'refused', code: 'ENVOY_CONTAINER_NOT_FOUND' });
  });

  test('as what a forged status names', () => {
    const undo = {
      added: Object.fromEntries([[name, 'x']]),
      created: [name],
      nulls: [name],
      restored: [{ path: `/${name}`, was: 1, now: 2 }],
    };
    const status = JSON.stringify({ version: '0.1.0', templates: [name], undo });
    const decision = decideOn(
      deployment({ ...injectBackend, 'svidecar.dev/status': status }, appAlone),
    );
    expect(decision).toMatchObject({ kind: 'refused', code: 'ENVOY_CONTAINER_NOT_FOUND' });
  });

  test('as a label that the selector of a hook asks for', () => {
    const told = (operator: string): readonly string[] => {
      const namespaceSelector = { matchExpressions: [{ key: name, operator }] };
      const hook = { name: 'pods.svidecar.dev', namespaceSelector, matchConditions: [{}] };
      const hooks = [{ metadata: { name: 'svidecar' }, webhooks: [hook] }];
      return findingsOf('webhook_configured', factsWith({ hooks })).map(({ message }) => message);
    };
    const leavesOut = 'leaves out namespaces labelled "enabled"';
    expect(told('Exists').join()).toContain(leavesOut);
    expect(told('DoesNotExist').join()).not.toContain(leavesOut);
  });
});
