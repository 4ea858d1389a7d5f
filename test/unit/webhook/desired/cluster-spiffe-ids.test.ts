import { expect, test } from 'vitest';
import {
  isClusterSpiffeIdName,
  wantedClusterSpiffeIds,
  type ClusterSpiffeIdFacts,
} from '../../../../webhook/desired/cluster-spiffe-ids.ts';
import { federationHash } from '../../../../webhook/injection/registration-labels.ts';
import { checkConfig } from '../../../../webhook/request/injector-config.ts';

function wanted(changes: Partial<ClusterSpiffeIdFacts> = {}, config: object = {}) {
  return wantedClusterSpiffeIds({
    config: checkConfig(config, 'config.yaml'),
    ignoredNamespaces: new Set(['svidecar', 'kube-system']),
    federations: { all: [], envoys: [] },
    maxObjects: 10,
    ...changes,
  });
}

test('helpers that federate with nobody have one object, which fills in namespace and ServiceAccount of each pod', () => {
  expect(wanted()).toEqual({
    leftOut: 0,
    objects: [
      {
        name: 'svidecar-helpers',
        spec: {
          spiffeIDTemplate:
            'spiffe://example.org/ns/{{ .PodMeta.Namespace }}/sa/{{ .PodSpec.ServiceAccountName }}',
          namespaceSelector: {
            matchExpressions: [
              { key: 'svidecar.dev/injection', operator: 'In', values: ['enabled', 'pod'] },
              {
                key: 'kubernetes.io/metadata.name',
                operator: 'NotIn',
                values: ['kube-system', 'svidecar'],
              },
            ],
          },
          podSelector: {
            matchLabels: { 'svidecar.dev/injected': 'true' },
            matchExpressions: [{ key: 'svidecar.dev/federation', operator: 'DoesNotExist' }],
          },
          workloadSelectorTemplates: [
            'k8s:ns:{{ .PodMeta.Namespace }}',
            'k8s:sa:{{ .PodSpec.ServiceAccountName }}',
            'k8s:container-name:auth-helper',
          ],
        },
      },
    ],
  });
});

test('each set of trust domains has one object, for the pods with its label', () => {
  const hash = federationHash(['a.test', 'b.test']);
  const { objects } = wanted({
    federations: { all: [['a.test', 'b.test'], [], ['a.test', 'b.test']], envoys: [] },
  });
  expect(objects.slice(1)).toMatchObject([
    {
      name: `svidecar-federated-${hash}`,
      spec: {
        podSelector: {
          matchLabels: { 'svidecar.dev/injected': 'true', 'svidecar.dev/federation': hash },
        },
        federatesWith: ['a.test', 'b.test'],
      },
    },
  ]);
  expect(objects.every(({ name }) => isClusterSpiffeIdName(name))).toBe(true);
});

test('Envoys of templates have objects of their own, where there are any, for pods with their label', () => {
  const hash = federationHash(['a.test']);
  const envoy = { 'svidecar.dev/injected': 'true', 'svidecar.dev/envoy': 'true' };
  const federations = { all: [['a.test'], ['b.test'], []], envoys: [['a.test'], []] };
  const { objects } = wanted({ federations });
  const [, alone, ...federated] = objects;
  expect(alone).toMatchObject({
    name: 'svidecar-envoys',
    spec: {
      podSelector: {
        matchLabels: envoy,
        matchExpressions: [{ key: 'svidecar.dev/federation', operator: 'DoesNotExist' }],
      },
    },
  });
  expect(JSON.stringify(alone)).toContain('k8s:container-name:envoy');
  expect(federated.map(({ name }) => name)).toContain(`svidecar-envoys-federated-${hash}`);
  expect(federated).toHaveLength(3);
  const { spec } = federated.find(({ name }) => name.startsWith('svidecar-envoys')) ?? {};
  expect(spec).toMatchObject({
    podSelector: { matchLabels: { ...envoy, 'svidecar.dev/federation': hash } },
    federatesWith: ['a.test'],
  });
  expect(objects.every(({ name }) => isClusterSpiffeIdName(name))).toBe(true);
});

test('the configuration says pattern, class, hint, lives and whether the image selects', () => {
  const { objects } = wanted(
    { federations: { all: [[]], envoys: [[]] } },
    {
      trustDomain: 'a.test',
      spiffeId: 'spiffe://${trustDomain}/${serviceAccount}.${namespace}',
      entries: {
        className: 'mine',
        hint: 'svidecar',
        x509SvidTtlSeconds: 600,
        jwtSvidTtlSeconds: 60,
        selectImage: true,
      },
    },
  );
  expect(objects[0]?.spec).toMatchObject({
    className: 'mine',
    spiffeIDTemplate: 'spiffe://a.test/{{ .PodSpec.ServiceAccountName }}.{{ .PodMeta.Namespace }}',
    hint: 'svidecar',
    ttl: '600s',
    jwtTtl: '60s',
  });
  expect(JSON.stringify(objects[0])).toContain('k8s:container-image:docker.io/svidecar/helper:');
  expect(JSON.stringify(objects[1])).toContain('k8s:container-image:docker.io/envoyproxy/envoy:');
});

test('too many sets: the same ones get an object whoever asks, and the others are counted', () => {
  const all = Array.from({ length: 12 }, (_, index) => [`d${index}.test`]);
  const federations = { all, envoys: [] };
  const { objects, leftOut } = wanted({ federations });
  expect([objects.length, leftOut]).toEqual([10, 3]);
  const reversed = { all: all.toReversed(), envoys: [] };
  expect(wanted({ federations: reversed }).objects).toEqual(objects);
  const both = wanted({ federations: { all, envoys: all } });
  expect([both.objects.length, both.leftOut]).toEqual([9, 8]);
});

test.each([
  'svidecar-auth-helper',
  'svidecar-federated-x',
  'x-svidecar-helpers',
  'svidecar-envoys-x',
])('%s is no name of ours', (name) => {
  expect(isClusterSpiffeIdName(name)).toBe(false);
});
