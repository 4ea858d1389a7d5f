/** Two installations from the same manifests: no object is both's. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { expect, test } from 'vitest';
import { isObject, objectAt, stringAt, type JsonObject } from '#kernel/json.ts';
import { manifestsOfRevision } from '../../../../webhook/manifests/revise-manifests.ts';
import { revisionFault } from '../../../../webhook/request/revision.ts';

const files = [
  'base/rbac',
  'base/rbac-certificates',
  'base/deployment',
  'base/service',
  'base/webhooks',
  'base/guard',
  'base/own-writes',
  'base/namespace',
  'components/cert-manager/authority',
  'components/cert-manager/certificate',
  'components/network-policy/network-policy',
  'components/monitoring/service-monitor',
  'components/spire-registration/rbac',
];

/** As kustomize labels them. */
const all = files
  .flatMap((file) => parseAllDocuments(readFileSync(`manifests/kustomize/${file}.yaml`, 'utf8')))
  .map((document) => document.toJS() as unknown)
  .filter(isObject)
  .map((object): JsonObject => {
    const labels = {
      'app.kubernetes.io/name': 'svidecar',
      'app.kubernetes.io/component': 'webhook',
    };
    return { ...object, metadata: { ...objectAt(object, 'metadata'), labels } };
  });

function idOf(object: JsonObject): string {
  return `${stringAt(object, 'kind') ?? ''} ${stringAt(objectAt(object, 'metadata'), 'name') ?? ''}`;
}

const canary = manifestsOfRevision(all, 'canary');
const text = JSON.stringify(canary);

test('each object has a name and a label of the revision, and the Namespace is left out', () => {
  expect(canary.length).toBe(all.length - 1);
  for (const object of canary) {
    expect(idOf(object)).toMatch(/-canary$/);
    expect(objectAt(objectAt(object, 'metadata'), 'labels')).toMatchObject({
      'app.kubernetes.io/component': 'webhook-canary',
      'svidecar.dev/revision': 'canary',
    });
  }
});

test('nothing names an object of the installation without a name, but for what is everybody’s', () => {
  const foreign = new Set(all.map((object) => idOf(object).split(' ')[1]));
  const named = [
    ...text.matchAll(/"(?:name|policyName|secretName|serviceAccountName)":"(svidecar[-a-z]*)"/g),
  ];
  expect(named.length).toBeGreaterThan(30);
  expect(named.map(([, name]) => name).filter((name) => foreign.has(name))).toEqual([]);
  const rights = [...text.matchAll(/"resourceNames":\[([^\]]*)\]/g)].map(([, each]) => each);
  expect(rights).toEqual([
    '"svidecar-tls-canary"',
    '"svidecar-canary"',
    '"svidecar-workloads-canary","svidecar-pods-canary","svidecar-default"',
    '"svidecar-registrations"',
  ]);
});

test('what it may write itself is its own, and it is told its name', () => {
  expect(text).toContain("'system:serviceaccount:svidecar:svidecar-canary'");
  expect(text).toContain("variables.name == 'svidecar-tls-canary'");
  expect(text).toContain("['svidecar-canary', 'svidecar-registrations']");
  expect(text).toContain('"--namespace=$(POD_NAMESPACE)","--revision=canary"');
  expect(text).toContain('"svidecar-canary.svidecar.svc"');
  expect(text).not.toContain('svidecar.svidecar.svc');
});

test.each([
  'pods',
  'tls',
  'ca-bundles-2',
  'default',
  'Canary',
  '-a',
  'a-',
  '',
  'a'.repeat(41),
  'a.b',
  'a/b',
])('%j is no name of a revision', (name) => {
  expect(revisionFault(name)).toBeDefined();
});

test.each(['canary', '1-20-1', 'podsy', 'v2', 'a'])('%j is one', (name) => {
  expect(revisionFault(name)).toBeUndefined();
});
