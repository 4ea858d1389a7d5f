/** The policy on svidecar's own writes is about the account by which svidecar writes, in whichever namespace it is. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { expect, test } from 'vitest';
import { isObject, listAt, objectAt, type JsonObject } from '#kernel/json.ts';
import { isCheckedPolicy } from '../../../../webhook/checks/guard.ts';
import { manifestsOfRevision } from '../../../../webhook/manifests/revise-manifests.ts';
import { factsWith, findingsOf } from '../../../fakes/check-facts.ts';

function read(file: string): readonly JsonObject[] {
  const text = readFileSync(`manifests/kustomize/base/${file}.yaml`, 'utf8');
  return parseAllDocuments(text)
    .map((document) => document.toJS() as unknown)
    .filter(isObject);
}

/** As a kustomization labels them, and moves them to a namespace. */
function installedIn(namespace: string): readonly JsonObject[] {
  const labels = {
    'app.kubernetes.io/name': 'svidecar',
    'app.kubernetes.io/component': 'webhook',
  };
  const files = ['webhooks', 'guard', 'own-writes', 'deployment'];
  return files.flatMap(read).map((object) => ({
    ...object,
    metadata: { ...objectAt(object, 'metadata'), labels, namespace },
    ...(object['kind'] === 'MutatingWebhookConfiguration'
      ? { webhooks: listAt(object, 'webhooks').map((hook) => calling(hook, namespace)) }
      : {}),
  }));
}

function calling(hook: unknown, namespace: string): JsonObject {
  const service = { namespace, name: 'svidecar', path: '/mutate' };
  return { ...(isObject(hook) ? hook : {}), clientConfig: { service } };
}

function isPolicy({ kind }: JsonObject): boolean {
  return kind === 'ValidatingAdmissionPolicy';
}

function told(objects: readonly JsonObject[]): readonly string[] {
  const of = (kind: string): readonly JsonObject[] =>
    objects.filter((object) => object['kind'] === kind);
  const facts = factsWith({
    hooks: of('MutatingWebhookConfiguration'),
    policies: objects.filter(isPolicy).filter(isCheckedPolicy),
    policyBindings: of('ValidatingAdmissionPolicyBinding'),
  });
  return findingsOf('guard_policy', facts).map(({ message }) => message);
}

test.each([
  ['svidecar', []],
  [
    'platform',
    [
      'bounds what system:serviceaccount:svidecar:svidecar writes, and svidecar runs in namespace platform: nothing bounds its writes',
    ],
  ],
])('moved by kustomize to %s', (namespace, said) => {
  expect(told(installedIn(namespace))).toEqual(said);
});

test.each(['svidecar', 'platform'])('a revision in %s, as it is rendered', (namespace) => {
  const next = manifestsOfRevision(installedIn(namespace), 'next');
  expect(next.filter(isPolicy).filter(isCheckedPolicy)).toHaveLength(3);
  expect(told(next)).toEqual([]);
  expect(told([...installedIn('svidecar'), ...next])).toEqual([]);
});
