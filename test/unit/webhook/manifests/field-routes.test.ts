/** Envoy configurations and pods from the field, through the engine that admission uses: what is told of their ways. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { injectTexts } from '../../../../webhook/manifests/inject-texts.ts';
import { engineFor } from '../../../fakes/engine.ts';

const fixtures = join(import.meta.dirname, '../../../fixtures/field');

interface Told {
  readonly envoy: string;
  readonly warnings: readonly string[];
  readonly refusals: readonly string[];
}

function injectionOf(file: string, change: (text: string) => string = (text) => text): Told {
  const text = change(readFileSync(join(fixtures, file), 'utf8'));
  const options = { engine: engineFor(), namespace: 'shop' };
  const { problems, outcomes, configMaps } = injectTexts([{ name: file, text }], options);
  const steps = outcomes.flatMap(({ decision }) => decision.steps);
  return {
    envoy: configMaps.map(({ data }) => data['envoy.yaml'] ?? '').join(''),
    warnings: steps
      .filter(({ level, id }) => level === 'warning' && id !== 'refused')
      .map(({ id, message }) => `${id}: ${message}`),
    refusals: problems.map(({ error }) => `${error.message} [${error.code}]`),
  };
}

test.each<[string, readonly RegExp[]]>([
  [
    'mirror-on-the-virtual-host/in.yaml',
    [
      /^envoy_warning: .*envoy\.yaml:\d+: jwt-inject puts a token into requests to cluster "shadow", which has no TLS/,
      /one audience, and listener "in" routes to "app", "shadow"/,
    ],
  ],
  [
    'cluster-by-header/in.yaml',
    [/envoy\.yaml:16: where requests with a token of jwt-inject go is chosen by the header "x-to"/],
  ],
  [
    'host-rewritten-by-the-route/in.yaml',
    [
      /envoy\.yaml:16: this route of listener "in" rewrites the host to "backend\.test" after jwt-inject has seen the request; jwt-inject goes by the host that the app sends \(its virtual host is for "\*"\)/,
    ],
  ],
  [
    'probe-through-the-validated-listener/in.yaml',
    [
      /^probe_without_token: container "envoy": its readinessProbe asks for \/ready on port 28480, which leads through listener "in" \(.*envoy\.yaml:3\), where jwt-validate demands a token that it does not have: the pod would not become ready; let the path pass with svidecar\.dev\/skip-paths: \/ready, or name the listeners that need a token in svidecar\.dev\/validate-listeners$/,
    ],
  ],
  [
    'scraped-listener-beside/in.yaml',
    [
      /^probe_without_token: annotations prometheus\.io\/\*: Prometheus asks for \/stats\/prometheus on port 28485, which leads through listener "metrics"/,
    ],
  ],
  ['cors-preflight/in.yaml', []],
  ['cache-before-the-router/in.yaml', []],
  ['cache-before-the-router/native.yaml', []],
])('%s is injected, with these warnings alone', (file, expected) => {
  const { warnings, refusals } = injectionOf(file);
  expect(refusals).toEqual([]);
  expect(warnings).toEqual(expected.map((one) => expect.stringMatching(one) as string));
});

test.each([
  [
    'internal-redirect-to-another-host/native.yaml',
    /envoy\.yaml:16:\d+: this route follows redirects itself \(internal_redirect_policy\), so that a request reaches the filter of jwt-inject again.*set svidecar\.dev\/data-path: ext-authz \[ENVOY_CONFIG_INVALID\]/,
  ],
  [
    'listener-behind-a-listener/native.yaml',
    /by cluster "inner" requests of listener "front" .* come to listener "inner" of the same Envoy.*svidecar\.dev\/inject-listeners.* \[ENVOY_CONFIG_INVALID\]/,
  ],
  ['neighbour-named-like-envoy/in.yaml', /several containers look like Envoy/],
])('%s is refused', (file, message) => {
  expect(injectionOf(file).refusals).toEqual([expect.stringMatching(message)]);
});

test.each([
  ['a path that passes without a token', 'svidecar.dev/skip-paths: /ready'],
  ['listeners that are named', 'svidecar.dev/validate-listeners: metrics'],
])('a probe is not told of with %s', (_name, annotation) => {
  const file = 'probe-through-the-validated-listener/in.yaml';
  const other = 'scraped-listener-beside/in.yaml';
  const asked = 'inject.svidecar.dev/templates: jwt-validate';
  const add = (text: string): string => text.replace(asked, `${asked}\n        ${annotation}`);
  const isListener = annotation.includes('listeners');
  const probe =
    'ports: [{name: http, containerPort: 28480}]\n          readinessProbe: {httpGet: {path: /ready, port: http}}';
  const { warnings } = isListener
    ? injectionOf(other, (text) =>
        add(text)
          .replace('prometheus.io/scrape: "true"', 'prometheus.io/scrape: "false"')
          .replace('          volumeMounts', `          ${probe}\n          volumeMounts`),
      )
    : injectionOf(file, add);
  expect(warnings).toEqual([]);
});

test.each(['in.yaml', 'native.yaml'])(
  'before a cache, which would ask the app by itself: %s',
  (file) => {
    const { envoy } = injectionOf(`cache-before-the-router/${file}`);
    const names = [...envoy.matchAll(/^ {12,22}- name: (\S+)/gm)].map(([, name = '']) => name);
    const ours = names.findIndex((name) => /ext_authz|svidecar\./.test(name));
    expect(ours).toBeGreaterThan(-1);
    expect(ours).toBeLessThan(names.indexOf('envoy.filters.http.cache'));
  },
);
