/** A shop whose frontend has its identity, from the entry in SPIRE to the token in the hand of its helper; for tests that break a link. */
import type { JsonObject } from '#kernel/json.ts';
import type {
  ClusterFacts,
  FactAnswer,
  HeldIdentities,
  HeldToken,
  SpireContents,
} from '../../webhook/checks/facts.ts';
import type { SpireEntry } from '../../webhook/identity/spire-entry.ts';
import { injected } from './admission.ts';
import { enabled, factsWith, namespace, type Objects } from './check-facts.ts';
import { engineFor } from './engine.ts';
import { spireEntry } from './spire-entry-fake.ts';
import { deployment, injectBackend, pod, type Annotations } from './workloads.ts';

export const frontendId = 'spiffe://example.org/ns/shop/sa/frontend';
export const alias = 'spiffe://example.org/ns/spire/sa/spire-agent';
export const agent = 'spiffe://example.org/spire/agent/k8s_psat/one/n1';
export const frontendSelectors = [
  'k8s:container-name:auth-helper',
  'k8s:ns:shop',
  'k8s:sa:frontend',
];

export function entry(changes: Partial<SpireEntry> = {}): SpireEntry {
  const frontend = { spiffeId: frontendId, parentId: alias, selectors: frontendSelectors };
  return spireEntry({ ...frontend, ...changes });
}

const aliasEntry = entry({
  id: 'nodes',
  spiffeId: alias,
  parentId: 'spiffe://example.org/spire/server',
  selectors: ['k8s_psat:cluster:one'],
});

export function spireWith(
  entries: readonly SpireEntry[] = [entry()],
  changes: Partial<SpireContents> = {},
): ClusterFacts['spire'] {
  return {
    kind: 'known',
    value: {
      source: 'unix:///run/api.sock',
      entries: [aliasEntry, ...entries],
      trustDomain: 'example.org',
      federated: new Set(['b.test']),
      agents: new Set([agent]),
      ...changes,
    },
  };
}

/** A pod of the Deployment, as it runs. */
export function runningPod(
  name = 'frontend-5d-x',
  annotations: Annotations = injectBackend,
): JsonObject {
  const made = injected(pod(annotations));
  return {
    ...made,
    metadata: {
      ...(made['metadata'] as JsonObject),
      name,
      uid: `uid-of-${name}`,
      labels: { app: 'frontend', 'pod-template-hash': '5d', 'svidecar.dev/injected': 'true' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'frontend-5d',
          uid: 'r',
          controller: true,
        },
      ],
    },
    status: { phase: 'Running' },
  };
}

export const held: HeldToken = {
  audience: 'spiffe://example.org/backend',
  spiffeId: frontendId,
  issuer: 'example.org',
  validUntilS: Date.UTC(2026, 0, 1) / 1_000 + 240,
};

export function holding(...tokens: readonly HeldToken[]): ClusterFacts['held'] {
  return answering({ kind: 'known', value: { tokens, trustDomains: undefined } });
}

export function answering(answer: FactAnswer<HeldIdentities>): ClusterFacts['held'] {
  return new Map([['shop/frontend-5d-x', answer]]);
}

export function registeredShop(
  changes: Partial<ClusterFacts> = {},
  objects: Objects = {},
): ClusterFacts {
  const all: Objects = {
    namespaces: [namespace('shop', enabled)],
    workloads: [injected(deployment(injectBackend))],
    pods: [runningPod()],
    ...objects,
  };
  return factsWith(all, { spire: spireWith(), held: holding(held), ...changes });
}

/** The shop whose frontend has further annotations; nothing runs yet. */
export function shopAsking(
  annotations: Annotations,
  changes: Partial<ClusterFacts> = {},
): ClusterFacts {
  const workloads = [injected(deployment({ ...injectBackend, ...annotations }))];
  return registeredShop({ held: new Map(), ...changes }, { workloads, pods: [] });
}

/** The frontend has chosen the trust domain of a partner, whose SPIRE gives it tokens; ours has no entry for it. */
export function servedElsewhere(token: Partial<HeldToken> = {}): ClusterFacts {
  const engine = engineFor({ registration: 'entries' });
  const annotations = { ...injectBackend, 'svidecar.dev/trust-domain': 'b.test' };
  const spiffeId = 'spiffe://b.test/ns/shop/sa/frontend';
  const inHand = holding({ ...held, spiffeId, issuer: 'b.test', ...token });
  return registeredShop(
    { engine, spire: spireWith([]), held: inHand },
    { workloads: [injected(deployment(annotations))], pods: [runningPod(undefined, annotations)] },
  );
}
