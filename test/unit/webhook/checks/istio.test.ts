import { describe, expect, test } from 'vitest';
import { isObject, listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import type { CheckId } from '../../../../webhook/checks/check-contract.ts';
import type { ClusterFacts, Reading, ResourceName } from '../../../../webhook/checks/facts.ts';
import { factsWith, findingsOf, resultOf, type Objects } from '../../../fakes/check-facts.ts';
import {
  byPolicy,
  filter,
  filtered,
  filterWith,
  istiod,
  istioObject,
  meshConfig,
  meshText,
  podWith,
  policySpec,
  provided,
} from '../../../fakes/istio-shop.ts';
import { mistakesOf, type Row } from '../../../fakes/workload-parts.ts';

const withoutProxy = (pod: JsonObject): JsonObject => {
  const spec = objectAt(pod, 'spec');
  const initContainers = listAt(spec, 'initContainers')
    .filter(isObject)
    .filter(({ name }) => name !== 'istio-proxy');
  return { ...pod, spec: { ...spec, initContainers } };
};
const withoutLabel = (pod: JsonObject): JsonObject => {
  const metadata = objectAt(pod, 'metadata');
  return { ...pod, metadata: { ...metadata, labels: { app: 'frontend' } } };
};
const foreign = { ...filter, metadata: { ...objectAt(filter, 'metadata'), labels: {} } };
const narrowed = filterWith((patch) => ({
  ...patch,
  match: { ...objectAt(patch, 'match'), context: 'GATEWAY' },
}));
const some = { ...policySpec, rules: [{ to: [{ operation: { paths: ['/api/*'] } }] }] };
const policies = (spec: JsonObject, place?: string): Objects => ({
  ...provided,
  authorizationPolicies: [istioObject('AuthorizationPolicy', spec, place)],
});
const readsTokens = { jwtRules: [{ issuer: 'https://idp', jwksUri: 'https://idp/keys' }] };
const authentication = (spec: JsonObject, place?: string): readonly JsonObject[] => [
  istioObject('RequestAuthentication', spec, place),
];

const rows: readonly Row[] = [
  [
    'envoy_filter',
    'the EnvoyFilter gone',
    { ...filtered, envoyFilters: [] },
    'error',
    'which is not there: requests to its pods pass unchecked',
  ],
  [
    'envoy_filter',
    'one that somebody has narrowed',
    { ...filtered, envoyFilters: [narrowed] },
    'error',
    'whose spec.configPatches[0].match.context is not what svidecar writes',
  ],
  [
    'envoy_filter',
    'a member that was added to the selector',
    {
      ...filtered,
      envoyFilters: [{ ...filter, spec: { ...objectAt(filter, 'spec'), targetRefs: [] } }],
    },
    'error',
    'whose spec.targetRefs is not what svidecar writes',
  ],
  [
    'envoy_filter',
    'one of somebody else',
    { ...filtered, envoyFilters: [foreign] },
    'error',
    "the one of that name is not svidecar's",
  ],
  [
    'envoy_filter',
    "a pod without Istio's proxy",
    { ...filtered, pods: [podWith(withoutProxy)] },
    'error',
    'runs without istio-proxy, so nothing adds or checks tokens',
  ],
  [
    'envoy_filter',
    'a pod without the label',
    { ...filtered, pods: [podWith(withoutLabel)] },
    'error',
    'lacks the label svidecar.dev/envoy-filter',
  ],
  [
    'envoy_filter',
    'an istiod that is not ready',
    { ...filtered, istiods: [istiod(0)] },
    'warning',
    'no replica of istiod is ready',
  ],
  [
    'config_maps',
    'the ConfigMap that pods wait for gone',
    { ...filtered, configMaps: [] },
    'error',
    'mounts ConfigMap istio-svidecar-',
  ],
  [
    'istio_policies',
    'no policy',
    { ...provided, authorizationPolicies: [] },
    'error',
    'so requests pass unchecked',
  ],
  [
    'istio_policies',
    'a policy for other pods',
    policies({ ...policySpec, selector: { matchLabels: { app: 'other' } } }),
    'error',
    'so requests pass unchecked',
  ],
  [
    'istio_policies',
    'a policy of another namespace',
    policies(policySpec, 'other'),
    'error',
    'so requests pass unchecked',
  ],
  [
    'istio_policies',
    'a policy that allows',
    policies({ ...policySpec, action: 'ALLOW' }),
    'error',
    'so requests pass unchecked',
  ],
  [
    'istio_policies',
    "a policy of somebody else's provider",
    policies({ ...policySpec, provider: { name: 'opa' } }),
    'error',
    'so requests pass unchecked',
  ],
  [
    'istio_policies',
    'a policy without rules',
    policies({ ...policySpec, rules: [] }),
    'warning',
    'for some requests only',
  ],
  [
    'istio_policies',
    'a policy for some paths',
    policies(some),
    'warning',
    'for some requests only',
  ],
  [
    'istio_policies',
    "a pod without Istio's proxy",
    { ...provided, pods: [podWith(withoutProxy, byPolicy)] },
    'error',
    'runs without istio-proxy, so nobody asks its helper',
  ],
  [
    'istio_policies',
    'no provider',
    { ...provided, meshConfigs: [meshConfig('trustDomain: example.org')] },
    'error',
    'has no extension provider "svidecar"',
  ],
  [
    'istio_policies',
    'a revision without the provider',
    { ...provided, meshConfigs: [meshConfig(meshText), meshConfig('{}', 'istio-old')] },
    'warning',
    'has no extension provider "svidecar"',
  ],
  [
    'istio_policies',
    'a provider that lets pass',
    {
      ...provided,
      meshConfigs: [meshConfig(meshText.replace('"failOpen":false', '"failOpen":true'))],
    },
    'warning',
    'has failOpen: true',
  ],
  [
    'istio_policies',
    'no address',
    { ...provided, serviceEntries: [] },
    'error',
    'the address of auth-helper.svidecar.internal',
  ],
  [
    'istio_jwt_rules',
    'beside an EnvoyFilter',
    { ...filtered, requestAuthentications: authentication(readsTokens) },
    'warning',
    'shop/a-requestauthentication reads Authorization',
  ],
  [
    'istio_jwt_rules',
    'of the whole mesh, beside a policy',
    { ...provided, requestAuthentications: authentication(readsTokens, 'istio-system') },
    'warning',
    'istio-system/a-requestauthentication reads Authorization',
  ],
];

describe('what stands between Istio and the helper is found', () => {
  test.each(mistakesOf(rows))('$id: $what', ({ id, objects, severity, says }) => {
    const findings = findingsOf(id, factsWith(objects));
    const [first] = findings.filter(({ message }) => message.includes(says));
    expect(findings.map(({ message }) => message).join('\n')).toContain(says);
    expect(first).toMatchObject({ severity, where: { name: expect.anything() as unknown } });
    expect(first?.hint).not.toBe('');
  });
});

describe('where all is well nothing is found', () => {
  test.each<[CheckId, string, Objects]>([
    ['envoy_filter', 'an EnvoyFilter as it should be', filtered],
    [
      'envoy_filter',
      'its members in another order',
      {
        ...filtered,
        envoyFilters: [filterWith((patch) => Object.fromEntries(Object.entries(patch).reverse()))],
      },
    ],
    ['config_maps', 'its ConfigMap', filtered],
    ['istio_policies', 'policy, provider and address', provided],
    [
      'istio_policies',
      'a policy of the whole mesh',
      policies({ ...policySpec, selector: {} }, 'istio-system'),
    ],
    [
      'istio_policies',
      'a provider of another name',
      {
        ...policies({ ...policySpec, provider: { name: 'mine' } }),
        meshConfigs: [meshConfig(meshText.replace('"name":"svidecar"', '"name":"mine"'))],
      },
    ],
    ['istio_jwt_rules', 'none', filtered],
    [
      'istio_jwt_rules',
      'one that reads another header',
      {
        ...filtered,
        requestAuthentications: authentication({
          jwtRules: [{ issuer: 'i', fromHeaders: [{ name: 'x-user-token' }] }],
        }),
      },
    ],
    [
      'istio_jwt_rules',
      'one for other pods',
      {
        ...filtered,
        requestAuthentications: authentication({
          ...readsTokens,
          selector: { matchLabels: { app: 'other' } },
        }),
      },
    ],
  ])('%s: %s', (id, _what, objects) => {
    expect(resultOf(id, factsWith(objects))).toMatchObject({ status: 'ok', findings: [] });
  });

  test.each(['envoy_filter', 'istio_policies', 'istio_jwt_rules'] as const)(
    '%s has nothing to look at without Istio',
    (id) => {
      expect(resultOf(id, factsWith({})).status).toBe('skipped');
    },
  );
});

describe('what cannot be seen is said', () => {
  const hidden = (objects: Objects, name: ResourceName, reading: Reading): ClusterFacts => {
    const facts = factsWith(objects);
    return { ...facts, objects: { ...facts.objects, [name]: reading } };
  };
  const forbidden = { kind: 'unknown', reasons: ['not allowed to list them'] } as const;

  test.each<[CheckId, Objects, ResourceName]>([
    ['envoy_filter', filtered, 'envoyFilters'],
    ['istio_policies', { ...provided, authorizationPolicies: [] }, 'authorizationPolicies'],
    ['istio_policies', provided, 'serviceEntries'],
    ['istio_jwt_rules', filtered, 'requestAuthentications'],
  ])('%s: a kind that may not be read', (id, objects, name) => {
    expect(resultOf(id, hidden(objects, name, forbidden))).toMatchObject({
      status: 'unknown',
      findings: [],
      reasons: ['not allowed to list them'],
    });
  });

  test.each<[CheckId, Objects, ResourceName]>([
    ['istio_policies', provided, 'meshConfigs'],
    ['envoy_filter', filtered, 'istiods'],
  ])('%s: what of Istio itself is not judged', (id, objects, name) => {
    const { status, reasons } = resultOf(id, hidden(objects, name, forbidden));
    expect(status).toBe('ok');
    expect(reasons.join()).toMatch(/is not judged: not allowed to list them/);
    const { reasons: ofNone } = resultOf(id, factsWith({ ...objects, [name]: [] }));
    expect(ofNone.join()).toMatch(/is not judged: no /);
  });

  test('a cluster without the kind says so once, and only where it matters', () => {
    const absent = { kind: 'known', subjects: [], isAbsent: true } as const;
    const { findings } = resultOf('envoy_filter', hidden(filtered, 'envoyFilters', absent));
    expect(findings).toHaveLength(1);
    expect(findings[0]?.message).toContain(
      '(as is that of 1 more), and the cluster has no kind EnvoyFilter',
    );
    expect(resultOf('envoy_filter', hidden({}, 'envoyFilters', absent)).status).toBe('skipped');
  });

  test('an EnvoyFilter that nobody needs is worth a note', () => {
    const { status, reasons } = resultOf('envoy_filter', factsWith({ envoyFilters: [filter] }));
    expect(status).toBe('skipped');
    expect(reasons.join('\n')).toMatch(
      /no workload and no pod needs EnvoyFilter shop\/istio-svide/,
    );
    const foreignOne = factsWith({ envoyFilters: [foreign] });
    expect(resultOf('envoy_filter', foreignOne).reasons.join()).not.toContain('needs');
  });
});

test('many pods of one workload are one finding', () => {
  const three = [1, 2, 3].map((index) =>
    podWith((pod) => {
      const metadata = objectAt(pod, 'metadata');
      const owner = {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'frontend-abc',
        controller: true,
      };
      const labels = { ...objectAt(metadata, 'labels'), 'pod-template-hash': 'abc' };
      const name = `frontend-abc-${index}`;
      return withoutProxy({
        ...pod,
        metadata: { ...metadata, name, labels, ownerReferences: [owner] },
      });
    }),
  );
  const findings = findingsOf('envoy_filter', factsWith({ ...filtered, pods: three }));
  expect(findings).toHaveLength(1);
  expect(findings[0]?.message).toContain('2 more pods of Deployment frontend');
  expect(findings[0]?.hint).toContain('kubectl rollout restart deployment/frontend -n shop');
});

test('a ServiceEntry is not missed where a provider leads elsewhere', () => {
  const elsewhere = meshText.replace(
    'auth-helper.svidecar.internal',
    'auth.shop.svc.cluster.local',
  );
  const objects = { ...provided, serviceEntries: [], meshConfigs: [meshConfig(elsewhere)] };
  expect(findingsOf('istio_policies', factsWith(objects))).toEqual([]);
});

test('what Istio leads past Envoy is not to be changed in a configuration that the user has not', () => {
  const excluded = { 'sidecar.istio.io/interceptionMode': 'NONE' };
  const changed = podWith((pod) => {
    const metadata = objectAt(pod, 'metadata');
    const annotations = { ...objectAt(metadata, 'annotations'), ...excluded };
    return { ...pod, metadata: { ...metadata, annotations } };
  });
  const found = findingsOf('envoy_configuration', factsWith({ ...filtered, pods: [changed] }));
  const [about] = found.filter(({ message }) => message.includes('interception mode NONE'));
  expect(about?.hint).toBe('change what the message names, or accept it knowingly');
});
