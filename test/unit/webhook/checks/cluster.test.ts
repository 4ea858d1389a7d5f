import { describe, expect, test } from 'vitest';
import { listAt, type JsonObject } from '#kernel/json.ts';
import type { CheckId, Severity } from '../../../../webhook/checks/check-contract.ts';
import type { ClusterFacts, ProbeRefusal } from '../../../../webhook/checks/facts.ts';
import { templatesKey } from '../../../../webhook/request/metadata-keys.ts';
import {
  enabled,
  factsWith,
  namespace,
  resultOf,
  type Objects,
} from '../../../fakes/check-facts.ts';
import { injected } from '../../../fakes/admission.ts';
import { deployment, injectBackend } from '../../../fakes/workloads.ts';

const notThese = {
  key: 'kubernetes.io/metadata.name',
  operator: 'NotIn',
  values: ['kube-system', 'svidecar'],
};
function labelled(...values: readonly string[]): JsonObject {
  return {
    matchExpressions: [{ key: 'svidecar.dev/injection', operator: 'In', values }, notThese],
  };
}
function hook(name: string, selector: JsonObject, changes: JsonObject = {}): JsonObject {
  return {
    name: `${name}.svidecar.dev`,
    clientConfig: { service: { namespace: 'svidecar', name: 'svidecar', path: '/mutate' } },
    failurePolicy: 'Ignore',
    namespaceSelector: selector,
    matchConditions: [{ name: 'x', expression: 'true' }],
    ...changes,
  };
}
function hooks(...webhooks: readonly JsonObject[]): JsonObject {
  return { kind: 'MutatingWebhookConfiguration', metadata: { name: 'svidecar' }, webhooks };
}
const pods = hook('pods', labelled('enabled', 'pod'));
const updates = hook('pod-updates', labelled('enabled', 'pod'));
const workloads = hook('workloads', labelled('enabled'));
const labels = { 'app.kubernetes.io/name': 'svidecar' };
function replicas(wanted: number, ready: number): JsonObject {
  return {
    kind: 'Deployment',
    metadata: { name: 'svidecar', namespace: 'svidecar' },
    spec: { replicas: wanted, template: { metadata: { labels } } },
    status: { readyReplicas: ready },
  };
}
function slice(isReady: boolean): JsonObject {
  return {
    metadata: { labels: { 'kubernetes.io/service-name': 'svidecar' } },
    endpoints: [{ conditions: { ready: isReady }, targetRef: { name: 'svidecar-1' } }],
    ports: [{ port: 10_250 }],
  };
}
const guard: JsonObject = {
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: 'svidecar-guard' },
  spec: { validations: [{ expression: `'${templatesKey}' in object` }] },
};
function binding(...validationActions: readonly string[]): JsonObject {
  return { metadata: { name: 'b' }, spec: { policyName: 'svidecar-guard', validationActions } };
}
function csiNode(name: string, ...drivers: readonly string[]): JsonObject {
  return { metadata: { name }, spec: { drivers: drivers.map((each) => ({ name: each })) } };
}
const driver: JsonObject = {
  metadata: { name: 'csi.spiffe.io' },
  spec: { volumeLifecycleModes: ['Ephemeral'] },
};
function agent(wanted: number, ready: number): JsonObject {
  return {
    kind: 'DaemonSet',
    metadata: { name: 'agent', namespace: 'spire' },
    status: { desiredNumberScheduled: wanted, numberReady: ready },
  };
}

const healthy: Objects = {
  namespaces: [namespace('shop', enabled)],
  hooks: [hooks(pods, updates, workloads)],
  services: [{ kind: 'Service', metadata: { name: 'svidecar' }, spec: { selector: labels } }],
  endpointSlices: [slice(true)],
  deployments: [replicas(2, 2)],
  policies: [guard],
  policyBindings: [binding('Deny', 'Audit')],
  workloads: [injected(deployment(injectBackend))],
  csiDrivers: [driver],
  csiNodes: [csiNode('a', 'csi.spiffe.io')],
  agents: [agent(2, 2)],
};
const status = { 'svidecar.dev/status': '{}' };
function probed(refusal: ProbeRefusal, pod?: JsonObject): Partial<ClusterFacts> {
  const value = { namespace: 'shop', status: 0, message: `words: ${refusal}`, refusal, pod };
  return { probe: { kind: 'known', value } };
}
const answered = probed('other', { metadata: { annotations: status } });
function version(minor: number): Partial<ClusterFacts> {
  return { serverVersion: { kind: 'known', value: { major: 1, minor } } };
}
function said(kind: 'identity' | 'no_identity' | 'unavailable'): Partial<ClusterFacts> {
  return {
    workloadApi: { kind: 'known', value: { kind, address: 'unix:///s', text: 'so it is' } },
  };
}

interface Row {
  readonly id: CheckId;
  readonly what: string;
  readonly objects?: Objects;
  readonly facts?: Partial<ClusterFacts>;
  readonly severity: Severity;
  readonly says: string;
}
const url = { url: 'https://127.0.0.1:1/mutate' };

const rows: readonly Row[] = [
  {
    id: 'kubernetes_version',
    what: 'before matchConditions',
    facts: version(27),
    severity: 'error',
    says: 'no matchConditions',
  },
  {
    id: 'kubernetes_version',
    what: 'before policies',
    facts: version(29),
    severity: 'warning',
    says: 'no guard',
  },
  {
    id: 'webhook_configured',
    what: 'no hook',
    objects: { hooks: [] },
    severity: 'error',
    says: 'nothing is injected',
  },
  {
    id: 'webhook_configured',
    what: 'only the hook of workloads',
    objects: { hooks: [hooks(workloads)] },
    severity: 'error',
    says: 'no pod is injected',
  },
  {
    id: 'webhook_configured',
    what: 'only the hook of pods',
    objects: { hooks: [hooks(pods)] },
    severity: 'warning',
    says: 'Deployments and their like',
  },
  {
    id: 'webhook_configured',
    what: 'a selector that leaves out "pod"',
    objects: { hooks: [hooks(hook('pods', labelled('enabled')))] },
    severity: 'error',
    says: 'leaves out namespaces labelled "pod"',
  },
  {
    id: 'webhook_configured',
    what: 'a hook that could stop kube-system',
    objects: { hooks: [hooks(hook('pods', {}, { failurePolicy: 'Fail' }))] },
    severity: 'error',
    says: 'could stop pods of kube-system',
  },
  {
    id: 'webhook_configured',
    what: 'no conditions',
    objects: { hooks: [hooks(hook('pods', labelled('enabled', 'pod'), { matchConditions: [] }))] },
    severity: 'warning',
    says: 'no matchConditions',
  },
  {
    id: 'webhook_service',
    what: 'no Service',
    objects: { services: [] },
    severity: 'error',
    says: 'it is not there',
  },
  {
    id: 'webhook_service',
    what: 'nobody ready',
    objects: { endpointSlices: [slice(false)] },
    severity: 'error',
    says: 'no replica behind it is ready',
  },
  {
    id: 'webhook_replicas',
    what: 'none ready',
    objects: { deployments: [replicas(2, 0)] },
    severity: 'error',
    says: 'none of 2',
  },
  {
    id: 'webhook_replicas',
    what: 'one of two ready',
    objects: { deployments: [replicas(2, 1)] },
    severity: 'warning',
    says: '1 of 2',
  },
  {
    id: 'webhook_replicas',
    what: 'only one',
    objects: { deployments: [replicas(1, 1)] },
    severity: 'warning',
    says: 'one replica',
  },
  {
    id: 'webhook_answers',
    what: 'nobody reached',
    facts: probed('webhook_nowhere'),
    severity: 'error',
    says: 'cannot call',
  },
  {
    id: 'webhook_answers',
    what: 'a Pod that came through',
    facts: probed('other', { metadata: {} }),
    severity: 'error',
    says: 'admitted without it',
  },
  {
    id: 'webhook_answers',
    what: 'a refusal by the guard',
    facts: probed('policy'),
    severity: 'error',
    says: 'guard refused',
  },
  {
    id: 'configuration',
    what: 'one that is not valid',
    facts: {
      configuration: {
        kind: 'known',
        value: {
          where: { kind: 'ConfigMap', namespace: 'svidecar', name: 'svidecar' },
          fault: 'unknown key',
        },
      },
    },
    severity: 'error',
    says: 'unknown key',
  },
  {
    id: 'guard_policy',
    what: 'none, and a hook that is ignored',
    objects: { policies: [] },
    severity: 'error',
    says: 'pods run without',
  },
  {
    id: 'guard_policy',
    what: 'none, and a hook that fails',
    objects: {
      policies: [],
      hooks: [hooks(hook('pods', labelled('enabled'), { failurePolicy: 'Fail' }))],
    },
    severity: 'warning',
    says: 'only the hook itself',
  },
  {
    id: 'guard_policy',
    what: 'one without binding',
    objects: { policyBindings: [] },
    severity: 'error',
    says: 'no binding',
  },
  {
    id: 'guard_policy',
    what: 'bindings that only warn',
    objects: { policyBindings: [binding('Warn')] },
    severity: 'warning',
    says: 'only warn or audit',
  },
  {
    id: 'guard_policy',
    what: 'an expression with a wrong type',
    objects: {
      policies: [
        {
          ...guard,
          status: { typeChecking: { expressionWarnings: [{ warning: 'no such field' }] } },
        },
      ],
    },
    severity: 'warning',
    says: 'no such field',
  },
  {
    id: 'csi_driver',
    what: 'no driver',
    objects: { csiDrivers: [] },
    severity: 'error',
    says: 'it is not there',
  },
  {
    id: 'csi_driver',
    what: 'a driver without inline volumes',
    objects: { csiDrivers: [{ ...driver, spec: {} }] },
    severity: 'error',
    says: 'lack Ephemeral',
  },
  {
    id: 'csi_driver',
    what: 'a node without it',
    objects: { csiNodes: [csiNode('a', 'csi.spiffe.io'), csiNode('b', 'other')] },
    severity: 'warning',
    says: '1 of 2 nodes do not have it: b',
  },
  {
    id: 'spire_agent',
    what: 'no agent ready',
    objects: { agents: [agent(2, 0)] },
    severity: 'error',
    says: '0 of 2 agents',
  },
  {
    id: 'spire_agent',
    what: 'an agent missing',
    objects: { agents: [agent(2, 1)] },
    severity: 'warning',
    says: '1 of 2 agents',
  },
  {
    id: 'workload_api',
    what: 'nobody answers',
    facts: said('unavailable'),
    severity: 'error',
    says: 'so it is',
  },
];

describe('a mistake around the workloads is found', () => {
  test.each(rows)('$id: $what', ({ id, objects, facts, severity, says }) => {
    const { findings } = resultOf(id, factsWith({ ...healthy, ...objects }, facts));
    const found = findings.filter(({ message }) => message.includes(says));
    expect(findings.map(({ message }) => message).join('\n')).toContain(says);
    expect(found[0]).toMatchObject({ severity });
    expect(found[0]?.hint).not.toBe('');
  });
});

describe('where all is well nothing is found', () => {
  const answers = {
    ...answered,
    ...said('no_identity'),
    configuration: {
      kind: 'known',
      value: { where: { kind: 'ConfigMap', namespace: '', name: '' }, fault: undefined },
    },
  } as const;
  test.each([...new Set(rows.map(({ id }) => id))])('%s', (id) => {
    expect(resultOf(id, factsWith(healthy, answers))).toMatchObject({ status: 'ok', findings: [] });
  });
});

describe('what cannot be told', () => {
  test('is skipped where svidecar runs outside the cluster', () => {
    const outside = hooks(hook('pods', labelled('enabled', 'pod'), { clientConfig: url }));
    const facts = factsWith({ ...healthy, hooks: [outside] });
    expect(resultOf('webhook_service', facts).status).toBe('skipped');
    expect(resultOf('webhook_replicas', facts).status).toBe('skipped');
  });

  test('is unknown where the probe was refused for a reason that says nothing about the webhook', () => {
    const facts = factsWith(healthy, probed('other'));
    const { status: result, reasons } = resultOf('webhook_answers', facts);
    expect([result, reasons.join()]).toEqual(['unknown', expect.stringContaining('words: other')]);
  });

  test('is skipped where no workload wants the driver, and where no agent can be seen', () => {
    const facts = factsWith({ ...healthy, workloads: [], agents: [] });
    expect(resultOf('csi_driver', facts).status).toBe('skipped');
    expect(resultOf('spire_agent', facts).status).toBe('skipped');
  });
});

test('odd objects around the workloads never make a check fail', () => {
  const odd = [
    {},
    { metadata: null, spec: [], webhooks: [null, { name: 'pods.svidecar.dev' }] },
  ] as JsonObject[];
  const everywhere = Object.fromEntries(Object.keys(healthy).map((name) => [name, odd]));
  expect(() => resultOf('webhook_configured', factsWith(everywhere, answered))).not.toThrow();
  expect(listAt(odd[1], 'webhooks')).toHaveLength(2);
});
