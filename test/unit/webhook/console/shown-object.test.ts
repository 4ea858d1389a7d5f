import { stringify } from 'yaml';
import { describe, expect, it, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { known } from '../../../../webhook/checks/facts.ts';
import { notShown } from '../../../../webhook/console/hide-secrets.ts';
import { shownEnvoy } from '../../../../webhook/console/shown-envoy.ts';
import { shownObject } from '../../../../webhook/console/shown-object.ts';
import { workloadTexts } from '../../../../webhook/console/workload-texts.ts';
import { engineFor } from '../../../fakes/engine.ts';
import {
  leakyConfigMap,
  leakyDeployment,
  leakyEnvoy,
  type Plant,
} from '../../../fakes/leaky-shop.ts';
import { injectBackend } from '../../../fakes/workloads.ts';

const planted = new Map<string, string>();
const plant: Plant = (place) => {
  const secret = `LEAK${planted.size}x`;
  planted.set(place, secret);
  return secret;
};

const listener = {
  name: 'outbound',
  filter_chains: [
    {
      filters: [
        {
          name: 'hcm',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            http_filters: [
              {
                name: 'envoy.filters.http.router',
                typed_config: {
                  '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                },
              },
            ],
          },
        },
      ],
    },
  ],
};
const leaky = leakyEnvoy(plant);
const envoy: JsonObject = {
  ...leaky,
  static_resources: { ...(leaky['static_resources'] as JsonObject), listeners: [listener] },
};
const object = leakyDeployment(
  { ...injectBackend, 'svidecar.dev/unknown': plant('unknown annotation of ours') },
  plant,
);
const asked = leakyDeployment(injectBackend, plant);

function textsOf(of: JsonObject, envoyText: string) {
  const live = {
    name: 'deployments.apps/frontend',
    namespace: 'shop',
    object: of,
    serverVersion: { kind: 'known', value: { major: 1, minor: 36 } },
    configMaps: [leakyConfigMap(envoyText, plant)],
    envoyFilters: known([]),
    namespaceLabels: { kind: 'known', value: {} },
  } as const;
  return workloadTexts({ live, engine: engineFor(), title: 'Deployment shop/frontend' }, true);
}

const yaml = stringify(envoy, { lineWidth: 0 });
const shared = { inline_string: plant('what is named twice') };
const aliased = stringify({ ...envoy, a: shared, b: shared }, { lineWidth: 0 });
const commented = `# ${plant('comment')}\n${yaml.replace('name: outbound', `name: outbound # ${plant('comment behind')}`)}# ${plant('last comment')}\n`;
const forms = {
  yaml,
  commented,
  aliased,
  flow: stringify(envoy, { collectionStyle: 'flow', lineWidth: 0 }),
  json: JSON.stringify(envoy, null, 2),
};
const shown = Object.entries(forms).map(([form, text]) => ({ form, texts: textsOf(asked, text) }));
const refused = textsOf(object, yaml);
const all = JSON.stringify([
  shown,
  refused,
  shownObject(leakyConfigMap('a: 1', plant)),
  shownEnvoy(envoy),
]);

describe('a page says nothing of what stands in the place of', () => {
  it.each([...planted])('%s', (_place, secret) => {
    expect(all).not.toContain(secret);
  });
});

it.each(shown)('shows an Envoy file in the form $form, and what injection adds to it', (each) => {
  const file = each.texts.find(({ kind }) => kind === 'envoy');
  expect(file?.problem).toBeUndefined();
  expect(file?.before).toContain('outbound');
  expect(file?.before).not.toContain('svidecar.jwt-inject');
  expect(file?.after).toContain('svidecar.jwt-inject');
  expect(file?.after).toContain(notShown);
  expect(each.texts.map(({ title }) => title)).not.toContain('other.txt');
});

it('keeps the form of a text, but for what is hidden and comments', () => {
  const before = (form: string) =>
    shown.find((each) => each.form === form)?.texts.find(({ kind }) => kind === 'envoy')?.before;
  expect(before('yaml')?.split('\n').length).toBeLessThanOrEqual(yaml.split('\n').length);
  expect(before('commented')).toContain(`name: outbound # ${notShown}`);
  expect(before('json')).toContain('"name": "outbound"');
  expect(before('flow')?.startsWith('{')).toBe(true);
});

describe('a page shows', () => {
  const text = JSON.stringify(shownObject(object));

  it.each([
    'PASSWORD',
    '"--password"',
    '--password=(not shown)',
    'secretKeyRef',
    '-c',
    '/etc/envoy/envoy.yaml',
    'X-Api-Key',
    'kapp.k14s.io/original',
    'spiffe://example.org/backend',
    '/h?(not shown)',
  ])('%s of an object', (part) => {
    expect(text).toContain(part);
  });

  test('what svidecar itself adds to an Envoy', () => {
    const pair = { key: 'svidecar-rule', value: 'jwt-inject' };
    const provider = { from_headers: [{ name: 'authorization', value_prefix: 'Bearer ' }] };
    const secrets = { name: 'jwt-svid/a', sds_config: { path_config_source: { path: '/x' } } };
    const value = {
      initial_metadata: [pair],
      provider,
      credential: secrets,
      token_secret: secrets,
    };
    expect(shownEnvoy(value)).toEqual(value);
  });

  test('operators of headers, and numbers of buckets', () => {
    const value = {
      header: { key: 'x-caller', value: '%DOWNSTREAM_PEER_URI_SAN%' },
      token_bucket: { max_tokens: 10, tokens_per_fill: 1, fill_interval: '1s' },
      token_endpoint: { cluster: 'a', uri: 'https://a.test/token' },
    };
    expect(shownEnvoy(value)).toEqual(value);
  });

  test('nothing that only the server writes', () => {
    const metadata = { name: 'x', uid: 'u', resourceVersion: '1', managedFields: [] };
    expect(shownObject({ kind: 'Pod', metadata, status: {} })).toEqual({
      kind: 'Pod',
      metadata: { name: 'x' },
    });
  });

  test('of a status what it names, not what it restores', () => {
    const status = {
      version: '1',
      templates: ['jwt-inject'],
      undo: { restored: [{ was: 'LEAK' }] },
    };
    const annotations = { 'svidecar.dev/status': JSON.stringify(status) };
    const told = JSON.stringify(shownObject({ metadata: { annotations } }));
    expect(told).toContain('jwt-inject');
    expect(told).not.toContain('LEAK');
    const forged = { 'svidecar.dev/status': 'LEAK' };
    expect(JSON.stringify(shownObject({ metadata: { annotations: forged } }))).not.toContain(
      'LEAK',
    );
  });
});
