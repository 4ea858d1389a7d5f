import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { CheckId, Severity } from '../../../../webhook/checks/check-contract.ts';
import type { ClusterFacts } from '../../../../webhook/checks/facts.ts';
import { judgeIdentities, type IdentityLink } from '../../../../webhook/checks/identity-links.ts';
import { factsWith, namespace, resultOf } from '../../../fakes/check-facts.ts';
import { engineFor } from '../../../fakes/engine.ts';
import {
  agent,
  alias,
  entry,
  frontendId,
  frontendSelectors,
  held,
  holding,
  registeredShop,
  runningPod,
  servedElsewhere,
  shopAsking,
  spireWith,
} from '../../../fakes/registered-shop.ts';
import { deployment, injectBackend, pod } from '../../../fakes/workloads.ts';

const registers = engineFor({ registration: 'entries' });
const ownId = { 'svidecar.dev/spiffe-id': 'spiffe://example.org/own' };
const partner = { 'svidecar.dev/federates-with': 'b.test' };
const stranger = { 'svidecar.dev/federates-with': 'c.test' };
const perPod = (name: string, parentId = agent) =>
  entry({ id: `scm.${name}`, parentId, selectors: [`k8s:pod-uid:uid-of-${name}`] });

function controllerManager(config: string): Partial<ClusterFacts['objects']> {
  const volumes = [{ name: 'c', configMap: { name: 'scm' } }];
  const containers = [{ name: 'm', image: 'ghcr.io/spiffe/spire-controller-manager:0.6.3' }];
  const manager: JsonObject = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'spire-server', namespace: 'spire' },
    spec: { template: { spec: { containers, volumes } } },
  };
  const data = { 'c.yaml': `kind: ControllerManagerConfig\n${config}` };
  const configMap: JsonObject = { metadata: { name: 'scm', namespace: 'spire' }, data };
  const known = (object: JsonObject) => ({ kind: 'known', subjects: [{ object }] }) as const;
  return { controllerManagers: known(manager), configMaps: known(configMap) };
}
function beside(config: string): ClusterFacts {
  const facts = registeredShop({ engine: registers });
  return { ...facts, objects: { ...facts.objects, ...controllerManager(config) } };
}

/** What vitest gives is of any type. */
function containing(text: string): unknown {
  return expect.stringContaining(text);
}

type Row = readonly [CheckId, what: string, ClusterFacts, Severity, says: string];
const rows: readonly Row[] = [
  [
    'spire_server',
    'nobody answers',
    registeredShop({ spire: { kind: 'unknown', reason: 'unix:///run/api.sock: nobody answers' } }),
    'error',
    'nobody answers',
  ],
  [
    'trust_domain',
    'SPIRE is of another one',
    registeredShop({ spire: spireWith([], { trustDomain: 'other.org' }) }),
    'error',
    'says trustDomain: example.org, and SPIRE issues for other.org',
  ],
  [
    'trust_domain',
    'a helper has tokens of another one',
    registeredShop({ held: holding({ ...held, issuer: 'other.org' }) }),
    'error',
    'tokens of other.org, and should have them of example.org',
  ],
  ['entry_present', 'there is none', registeredShop({ spire: spireWith([]) }), 'error', frontendId],
  [
    'entry_present',
    'its helper gets another identity',
    registeredShop({ spire: spireWith([entry({ spiffeId: 'spiffe://example.org/x' })]) }),
    'error',
    'entry svidecar.shop.1 would give its helper spiffe://example.org/x',
  ],
  [
    'entry_selectors',
    'another service account',
    registeredShop({ spire: spireWith([entry({ selectors: ['k8s:ns:shop', 'k8s:sa:front'] })]) }),
    'error',
    'asks for k8s:sa:front, which its auth-helper containers do not have',
  ],
  [
    'entry_selectors',
    'pods that are gone',
    registeredShop({ spire: spireWith([perPod('old'), perPod('older')]) }),
    'error',
    'k8s:pod-uid:uid-of-old, which its auth-helper containers do not have (nor can they meet those of 1 more)',
  ],
  [
    'entry_selectors',
    'a parent that is nobody',
    registeredShop({ spire: spireWith([entry({ parentId: 'spiffe://example.org/nobody' })]) }),
    'error',
    'is for agents with spiffe://example.org/nobody, and neither an agent nor an alias has that ID',
  ],
  [
    'entry_single',
    'two of the same parent',
    registeredShop({
      spire: spireWith([entry(), entry({ id: 'byhand', selectors: ['k8s:ns:shop'] })]),
    }),
    'warning',
    'entries byhand and svidecar.shop.1 both give its helper',
  ],
  [
    'entry_single',
    'one of an alias, and one of an agent for its pod',
    registeredShop({ spire: spireWith([entry(), perPod('frontend-5d-x')]) }),
    'warning',
    'entries scm.frontend-5d-x and svidecar.shop.1 both',
  ],
  [
    'spiffe_id_override',
    'nobody registers it',
    shopAsking(ownId, { engine: registers }),
    'warning',
    'svidecar.dev/spiffe-id asks for spiffe://example.org/own, which the webhook does not register',
  ],
  [
    'federated_bundles',
    'SPIRE does not have it',
    shopAsking(stranger),
    'error',
    'federates with c.test, whose bundle SPIRE does not have',
  ],
  [
    'federated_bundles',
    'the entry does not say it',
    shopAsking(partner),
    'warning',
    'federates with b.test, which its entry does not say',
  ],
  ['entry_id_prefix', 'none', beside('clusterName: one'), 'error', 'has no entryIDPrefix'],
  [
    'entry_id_prefix',
    'that of the webhook',
    beside('entryIDPrefix: svidecar'),
    'error',
    'is the prefix of the webhook',
  ],
  [
    'entry_id_prefix',
    'a clean-up of the webhook',
    beside('entryIDPrefix: scm\nentryIDPrefixCleanup: svidecar.'),
    'error',
    'makes it delete',
  ],
];

describe('a missing link is found', () => {
  test.each(rows)('%s: %s', (...[id, , facts, severity, says]) => {
    const { findings } = resultOf(id, facts);
    expect(findings.map(({ message }) => message).join('\n')).toContain(says);
    expect(findings[0]).toMatchObject({ severity });
    expect(findings[0]?.hint).not.toBe('');
  });
});

describe('where all is well nothing is found', () => {
  const ids = [...new Set(rows.map(([id]) => id))];
  test.each(ids)('%s', (id) => {
    const facts = beside('entryIDPrefix: scm\nentryIDPrefixCleanup: ""');
    expect(resultOf(id, facts)).toMatchObject({ status: 'ok', findings: [] });
  });

  test.each<[CheckId, string, ClusterFacts]>([
    [
      'entry_selectors',
      'an entry for each pod',
      registeredShop({ spire: spireWith([perPod('frontend-5d-x')]) }),
    ],
    [
      'entry_single',
      'one under each agent',
      registeredShop({
        spire: spireWith([entry({ parentId: agent }), entry({ id: 'b', parentId: `${agent}-2` })]),
      }),
    ],
    [
      'entry_single',
      'one for each of several pods on one node',
      registeredShop(
        { spire: spireWith([perPod('frontend-5d-x'), perPod('frontend-5d-y')]) },
        { pods: [runningPod(), runningPod('frontend-5d-y')] },
      ),
    ],
    [
      'spiffe_id_override',
      'the configuration allows it',
      shopAsking(ownId, {
        engine: engineFor({
          registration: 'entries',
          entries: { allowSpiffeIdAnnotation: true },
        }),
      }),
    ],
    [
      'spiffe_id_override',
      'somebody has registered it by hand',
      shopAsking(ownId, {
        engine: registers,
        spire: spireWith([entry({ spiffeId: 'spiffe://example.org/own' })]),
      }),
    ],
    [
      'federated_bundles',
      'the entry says it',
      shopAsking(partner, { spire: spireWith([entry({ federatesWith: ['b.test'] })]) }),
    ],
    ['trust_domain', 'the partner has registered it', servedElsewhere()],
    ['entry_present', 'the partner has registered it', servedElsewhere()],
    ['spiffe_id_override', 'the partner has registered it', servedElsewhere()],
    ['entry_present', 'an identity that nobody needs', factsWith({}, { spire: spireWith([]) })],
  ])('%s: %s', (id, _what, facts) => {
    expect(resultOf(id, facts).findings).toEqual([]);
  });

  test('what SPIRE does not answer is unknown, and what is not asked is skipped', () => {
    const reason = 'nobody answers';
    const lost = registeredShop({ spire: { kind: 'unknown', reason } });
    const unasked = registeredShop({ spire: { kind: 'not_asked', reason } });
    for (const id of ['entry_present', 'entry_selectors', 'entry_single'] as const) {
      expect(resultOf(id, lost)).toMatchObject({ status: 'unknown', reasons: [reason] });
      expect(resultOf(id, unasked)).toMatchObject({ status: 'skipped' });
    }
    expect(resultOf('spire_server', unasked)).toMatchObject({
      status: 'skipped',
      reasons: [reason],
    });
    expect(resultOf('entry_id_prefix', registeredShop())).toMatchObject({ status: 'skipped' });
  });

  test('a controller manager whose configuration cannot be read is not known', () => {
    const facts = beside('entryIDPrefix: [');
    expect(resultOf('entry_id_prefix', facts)).toMatchObject({
      status: 'unknown',
      reasons: [containing('StatefulSet spire/spire-server: ')],
    });
  });

  test('selectors of which nobody can tell are noted', () => {
    const selectors = [...frontendSelectors, 'k8s:image-signature-subject:ci'];
    const facts = registeredShop({ spire: spireWith([entry({ selectors })]) });
    expect(resultOf('entry_selectors', facts)).toMatchObject({
      status: 'ok',
      reasons: ['k8s:image-signature-subject:ci cannot be judged from here'],
    });
  });
});

describe('the first missing link', () => {
  const notAsked = { kind: 'not_asked', reason: 'give --entries' } as const;
  const unlabelled = { namespaces: [namespace('shop')] };
  test.each<[string, ClusterFacts, object]>([
    ['none', registeredShop(), { kind: 'complete' }],
    [
      'annotations that are refused',
      registeredShop(
        {},
        { workloads: [deployment({ ...injectBackend, 'svidecar.dev/socket': 'x' })], pods: [] },
      ),
      { step: 'injection', message: containing('is refused: ') },
    ],
    [
      'a namespace without its label',
      registeredShop({}, unlabelled),
      { step: 'injection', hint: 'kubectl label namespace shop svidecar.dev/injection=enabled' },
    ],
    [
      'a pod without the helper',
      registeredShop({}, { pods: [bare()] }),
      {
        step: 'injection',
        message: '1 of 1 pods run without the helper, such as frontend-1',
        hint: 'kubectl rollout restart deployment/frontend -n shop',
      },
    ],
    [
      'another trust domain',
      registeredShop({ spire: spireWith([], { trustDomain: 'other.org' }) }),
      { step: 'trust_domain', hint: containing('set trustDomain: other.org') },
    ],
    ['no entry', registeredShop({ spire: spireWith([]) }), { step: 'entry' }],
    [
      'a helper without its token',
      registeredShop({ held: holding({ audience: 'ledger', problem: 'no identity issued' }) }),
      {
        step: 'token',
        message:
          'pod frontend-5d-x: its helper has no token for audience "ledger": no identity issued',
      },
    ],
    [
      'a token that is over',
      registeredShop({ held: holding({ ...held, validUntilS: 5 }) }),
      { step: 'token', message: containing('has no token') },
    ],
    [
      'a token as somebody else',
      registeredShop({ held: holding({ ...held, spiffeId: alias }) }),
      { step: 'token', message: containing(`as ${alias}, not as ${frontendId}`) },
    ],
    [
      'nobody says what SPIRE has',
      registeredShop({ spire: notAsked, held: new Map() }),
      { kind: 'unknown', reason: 'give --entries' },
    ],
    ['tokens prove the entry', registeredShop({ spire: notAsked }), { kind: 'complete' }],
    ['an identity of another trust domain in hand', servedElsewhere(), { kind: 'complete' }],
    [
      'an identity of another trust domain that is over',
      servedElsewhere({ validUntilS: 5 }),
      { step: 'trust_domain', message: containing('is of trust domain b.test') },
    ],
    [
      'another identity than the chosen one in hand',
      servedElsewhere({ spiffeId: 'spiffe://b.test/else' }),
      { step: 'trust_domain' },
    ],
  ])('%s', (_what, facts, expected) => {
    expect(linkOfOne(facts)).toMatchObject(expected);
  });

  test('an entry that a ClusterSPIFFEID should have made leads to its controller', () => {
    const selector = { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } };
    const object = (name: string, app: string): JsonObject => ({
      metadata: { name },
      spec: { namespaceSelector: selector, podSelector: { matchLabels: { app } } },
    });
    const facts = registeredShop(
      { spire: spireWith([]) },
      { clusterSpiffeIds: [object('other', 'backend'), object('helpers', 'frontend')] },
    );
    expect(linkOfOne(facts)).toMatchObject({
      hint: containing('ClusterSPIFFEID helpers selects its pods'),
    });
  });

  test('pods belong to the object that a person has applied, through whatever is between', () => {
    const cronJob: JsonObject = {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'tidy', namespace: 'shop' },
      spec: { jobTemplate: { spec: { template: { metadata: { annotations: injectBackend } } } } },
    };
    const template = deployment(injectBackend)['spec'] as JsonObject;
    const jobs = { spec: { template: template['template'] } };
    const owned = (kind: string, name: string) => [{ kind, name, uid: 'u', controller: true }];
    const job: JsonObject = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'tidy-1', namespace: 'shop', ownerReferences: owned('CronJob', 'tidy') },
      spec: { template: template['template'] },
    };
    const member = runningPod('tidy-1-x');
    const metadata = {
      ...(member['metadata'] as JsonObject),
      ownerReferences: owned('Job', 'tidy-1'),
    };
    const facts = registeredShop(
      {},
      {
        workloads: [{ ...cronJob, spec: { jobTemplate: jobs } }, job],
        pods: [{ ...member, metadata }],
      },
    );
    const judged = judgeIdentities(facts);
    expect(judged.map(({ identity }) => identity.where.kind)).toEqual(['CronJob']);
    expect(judged[0]?.identity.pods.map(({ name }) => name)).toEqual(['tidy-1-x']);
  });

  function bare(): JsonObject {
    const plain = pod(injectBackend);
    const owners = (runningPod()['metadata'] as JsonObject)['ownerReferences'];
    const labels = { app: 'frontend', 'pod-template-hash': '5d' };
    const metadata = plain['metadata'] as JsonObject;
    return { ...plain, metadata: { ...metadata, uid: 'u', labels, ownerReferences: owners } };
  }

  function linkOfOne(facts: ClusterFacts): IdentityLink | undefined {
    const judged = judgeIdentities(facts);
    expect(judged).toHaveLength(1);
    return judged[0]?.link;
  }
});
