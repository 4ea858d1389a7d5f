import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { CheckId } from '../../../../webhook/checks/check-contract.ts';
import {
  factsWith,
  findingsOf,
  namespace,
  resultOf,
  type Objects,
} from '../../../fakes/check-facts.ts';
import {
  argo,
  healthy,
  hpa,
  limited,
  mistakes,
  namespaced,
  onMetadata,
  quota,
  restricted,
  withImage,
  oneManager,
} from '../../../fakes/workload-mistakes.ts';
import { proxied } from '../../../fakes/proxied-mistakes.ts';
import { appWithEnvoy, deployment, injectBackend, madeBy, pod } from '../../../fakes/workloads.ts';

describe('a mistake in a cluster is found', () => {
  test.each(mistakes)('$id: $what', ({ id, objects, severity, says }) => {
    const findings = findingsOf(id, factsWith({ ...healthy, ...objects }));
    const [first] = findings.filter(({ message }) => message.includes(says));
    expect(findings.map(({ message }) => message).join('\n')).toContain(says);
    expect(first).toMatchObject({ severity });
    expect(first?.hint).not.toBe('');
  });
});

describe('where all is well nothing is found', () => {
  const ids = [...new Set(mistakes.map(({ id }) => id))].filter((id) => id !== 'config_maps');
  test.each(ids)('%s', (id) => {
    expect(resultOf(id, factsWith(healthy))).toMatchObject({ status: 'ok', findings: [] });
  });

  test.each<[CheckId, string, Objects]>([
    [
      'namespace_label',
      'pods only',
      { namespaces: [namespace('shop', { 'svidecar.dev/injection': 'pod' })] },
    ],
    [
      'gitops_drift',
      'Argo CD where only pods are changed',
      { workloads: [argo], namespaces: [namespace('shop', { 'svidecar.dev/injection': 'pod' })] },
    ],
    [
      'helper_present',
      'a Deployment as written where only pods are changed',
      {
        workloads: [deployment(injectBackend)],
        namespaces: [namespace('shop', { 'svidecar.dev/injection': 'pod' })],
      },
    ],
    [
      'helper_present',
      'one that opted out',
      { workloads: [deployment({ ...injectBackend, 'svidecar.dev/inject': 'false' })] },
    ],
    ['service_target', 'a Service of Envoy by number', proxied({ targetPort: 8443 })],
    ['service_target', 'a Service of Envoy by name', proxied({ targetPort: 'inbound-8443' })],
    ['service_target', 'a Service of others', proxied({ targetPort: 8080 }, { app: 'b' })],
    ['service_target', 'a Service of no pods', proxied({ targetPort: 8080 }, {})],
    ['service_target', 'UDP', proxied({ targetPort: 8080, protocol: 'UDP' })],
    [
      'resource_limits',
      'a quota, and an app with limits',
      { quotas: [quota], workloads: [limited] },
    ],
    [
      'resource_limits',
      'a quota, and a limit range with defaults',
      {
        quotas: [quota],
        limitRanges: [
          namespaced('LimitRange', 'd', {
            limits: [{ type: 'Container', default: { memory: '1Gi' } }],
          }),
        ],
      },
    ],
    [
      'autoscaling',
      'an autoscaler of something else',
      {
        autoscalers: [{ ...hpa, spec: { scaleTargetRef: { kind: 'Deployment', name: 'other' } } }],
      },
    ],
    [
      'pod_security',
      'a socket by CSI in a restricted namespace',
      { namespaces: [namespace('shop', restricted)] },
    ],
    ['field_managers', 'one manager, and a controller', { workloads: [oneManager] }],
    [
      'envoy_version',
      'a distroless tag',
      {
        workloads: [
          deployment(injectBackend, withImage('envoyproxy/envoy:distroless-v1.31-latest')),
        ],
      },
    ],
  ])('%s: %s', (id, _what, objects) => {
    expect(findingsOf(id, factsWith({ ...healthy, ...objects }))).toEqual([]);
  });
});

describe('many pods of one controller', () => {
  const replica = (index: number): JsonObject => {
    const made = pod(injectBackend);
    const labels = { app: 'frontend', 'pod-template-hash': 'abc' };
    const ownerReferences = [
      { ...(madeBy('ReplicaSet') as JsonObject[])[0], name: 'frontend-abc' },
    ];
    return {
      ...made,
      metadata: {
        ...(made['metadata'] as JsonObject),
        name: `frontend-${index}`,
        labels,
        ownerReferences,
      },
    };
  };

  test('are one finding, with the command that cures them all', () => {
    const findings = findingsOf(
      'helper_present',
      factsWith({ ...healthy, pods: [1, 2, 3].map(replica) }),
    );
    expect(findings).toHaveLength(1);
    expect(findings[0]?.message).toContain('2 more pods of Deployment frontend');
    expect(findings[0]?.hint).toBe('kubectl rollout restart deployment/frontend -n shop');
  });
});

describe('what could not be read', () => {
  test('makes a check unknown, with the reason', () => {
    const facts = factsWith(healthy);
    const namespaces = { kind: 'unknown', reasons: ['not allowed to list namespaces'] } as const;
    const blind = { ...facts, objects: { ...facts.objects, namespaces } };
    expect(resultOf('namespace_label', blind)).toMatchObject({
      status: 'unknown',
      reasons: ['not allowed to list namespaces'],
    });
  });

  test('in part leaves the findings of the rest, and says what is missing', () => {
    const facts = factsWith({ ...healthy, workloads: [onMetadata] });
    const { workloads } = facts.objects;
    if (workloads.kind !== 'known') throw new TypeError('known');
    const partly = {
      ...workloads,
      kind: 'partial',
      reasons: ['not allowed to list jobs'],
    } as const;
    const result = resultOf('annotation_placement', {
      ...facts,
      objects: { ...facts.objects, workloads: partly },
    });
    expect(result).toMatchObject({ status: 'error', reasons: ['not allowed to list jobs'] });
  });

  test('an image without a version is said, and no finding', () => {
    const facts = factsWith({
      ...healthy,
      workloads: [deployment(injectBackend, withImage('envoyproxy/envoy:dev'))],
    });
    expect(resultOf('envoy_version', facts)).toMatchObject({ status: 'skipped', findings: [] });
  });
});

describe('odd objects', () => {
  const odd: readonly JsonObject[] = [
    {},
    { apiVersion: 'apps/v1', kind: 'Deployment' },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: null, spec: { template: [] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 7, annotations: 'x' },
      spec: {
        template: {
          metadata: {
            annotations: { 'svidecar.dev/status': '{', 'inject.svidecar.dev/templates': 5 },
          },
          spec: { containers: [null, 1, { name: [] }], volumes: 'x' },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ownerReferences: [null, { controller: true }], annotations: injectBackend },
      spec: {},
    },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { labels: [] } },
    { kind: 'ResourceQuota', spec: { hard: null }, metadata: { namespace: 'shop' } },
    { kind: 'LimitRange', spec: { limits: [null, {}] }, metadata: { namespace: 'shop' } },
    { kind: 'HorizontalPodAutoscaler', spec: { metrics: [{}], scaleTargetRef: 1 } },
  ];
  test('never make a check fail', () => {
    const everywhere = Object.fromEntries(
      Object.keys(factsWith({}).objects).map((name) => [
        name,
        [...odd, ...(healthy.workloads ?? [])],
      ]),
    );
    expect(() => findingsOf('annotations_valid', factsWith(everywhere))).not.toThrow();
  });
});

test('callers of a trust domain without its keys, and what names no trust domain, are warned about', () => {
  const annotations = {
    'inject.svidecar.dev/templates': 'jwt-validate',
    'svidecar.dev/allow-callers': 'spiffe://example.org, spiffe://other.org',
  };
  const findingsFor = (more: Readonly<Record<string, string>>) =>
    findingsOf(
      'annotations_valid',
      factsWith({ ...healthy, workloads: [deployment({ ...annotations, ...more })] }),
    ).map(({ severity, key }) => [severity, key]);
  expect(findingsFor({ 'svidecar.dev/federates-with': 'other.org' })).toEqual([]);
  expect(findingsFor({ 'spiffe.io/federatesWith': 'Other.org' })).toEqual([
    ['warning', 'svidecar.dev/federates-with'],
    ['warning', 'spiffe.io/federatesWith'],
  ]);
});

describe('an Envoy whose ConfigMap is not at hand is not called good', () => {
  const own = deployment(injectBackend);
  const elsewhere = deployment(injectBackend, {
    ...appWithEnvoy,
    volumes: [{ name: 'envoy-config', configMap: { name: 'elsewhere' } }],
  });
  const other = { ...elsewhere, metadata: { name: 'elsewhere', namespace: 'shop' } };

  test('alone: there is nothing to judge', () => {
    const facts = factsWith({ ...healthy, configMaps: [], workloads: [own] });
    const result = resultOf('envoy_configuration', facts);
    expect(result).toMatchObject({ status: 'skipped', findings: [] });
    expect(result.reasons.join()).toContain('is not at hand: Deployment frontend');
  });

  test('beside another one: it is named', () => {
    const result = resultOf(
      'envoy_configuration',
      factsWith({ ...healthy, workloads: [own, other] }),
    );
    expect(result).toMatchObject({ status: 'ok', findings: [] });
    expect(result.reasons.join()).toMatch(/is not at hand: Deployment elsewhere$/);
  });

  test('of many the first are named, and the rest counted', () => {
    const workloads = Array.from({ length: 9 }, (_, at) => ({
      ...other,
      metadata: { name: `w${at}`, namespace: 'shop' },
    }));
    const result = resultOf('envoy_configuration', factsWith({ ...healthy, workloads }));
    expect(result.reasons.join()).toMatch(/Deployment w4 and 4 more$/);
  });
});
